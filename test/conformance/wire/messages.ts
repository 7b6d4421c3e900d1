import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  type InferParameter,
  type InferTensorContentsSchema,
  ModelInferRequestSchema,
  type ModelInferResponse,
} from "@strainflow/proto";

export type InferInit = MessageInitShape<typeof ModelInferRequestSchema>;
type Contents = MessageInitShape<typeof InferTensorContentsSchema>;
export type ParameterValue = boolean | bigint | number | string;
type Parameters = Readonly<Record<string, ParameterValue>>;

/** An input: name, type, sizes, and its raw bytes, or typed contents, or nothing. */
export type Input = readonly [
  name: string,
  datatype: string,
  shape: readonly (number | bigint)[],
  data: Uint8Array | Contents | undefined,
];

export interface InferOptions {
  readonly id?: string;
  readonly version?: string;
  readonly outputs?: readonly (string | readonly [string, Parameters])[];
  /** Numbers become `double_param`, bigints `int64_param`. */
  readonly parameters?: Parameters;
}

function parameter(value: ParameterValue): Omit<InferParameter, "$typeName"> {
  switch (typeof value) {
    case "boolean":
      return { parameterChoice: { case: "boolParam", value } };
    case "bigint":
      return { parameterChoice: { case: "int64Param", value } };
    case "number":
      return { parameterChoice: { case: "doubleParam", value } };
    case "string":
      return { parameterChoice: { case: "stringParam", value } };
  }
}

function parameters(given: Parameters = {}): Record<string, Omit<InferParameter, "$typeName">> {
  return Object.fromEntries(Object.entries(given).map(([key, value]) => [key, parameter(value)]));
}

export function inferRequest(model: string, inputs: readonly Input[], options: InferOptions = {}): InferInit {
  return {
    modelName: model,
    modelVersion: options.version ?? "",
    id: options.id ?? "",
    parameters: parameters(options.parameters),
    inputs: inputs.map(([name, datatype, shape, data]) => ({
      name,
      datatype,
      shape: shape.map(BigInt),
      ...(data === undefined || data instanceof Uint8Array ? {} : { contents: data }),
    })),
    outputs: (options.outputs ?? []).map((output) =>
      typeof output === "string" ? { name: output } : { name: output[0], parameters: parameters(output[1]) },
    ),
    rawInputContents: inputs.flatMap(([, , , data]) => (data instanceof Uint8Array ? [data] : [])),
  };
}

export function encodeMessage(request: InferInit): Uint8Array {
  return toBinary(ModelInferRequestSchema, create(ModelInferRequestSchema, request));
}

/** A response with its outputs by name: their order is nobody's promise. */
export interface Read {
  readonly id: string;
  readonly model: string;
  readonly version: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly outputs: Readonly<Record<string, { datatype: string; shape: number[]; bytes: Uint8Array }>>;
}

export function readResponse(response: ModelInferResponse | undefined): Read {
  const outputs = (response?.outputs ?? []).map(({ name, datatype, shape }, index) => [
    name,
    { datatype, shape: shape.map(Number), bytes: Uint8Array.from(response?.rawOutputContents[index] ?? []) },
  ]);
  return {
    id: response?.id ?? "",
    model: response?.modelName ?? "",
    version: response?.modelVersion ?? "",
    parameters: Object.fromEntries(
      Object.entries(response?.parameters ?? {}).map(([key, value]) => [key, value.parameterChoice.value]),
    ),
    outputs: Object.fromEntries(outputs),
  };
}
