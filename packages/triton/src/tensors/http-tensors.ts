import { elementCount, isDatatype, type Tensor, type TensorData } from "@strainflow/series";
import { malformedResponse } from "../errors.ts";
import type { InferResult, ParameterValue, TritonRequest } from "../request.ts";
import { type Json, jsonText } from "./json-text.ts";
import { outputParameters, sharedMemoryOf, sharedMemoryParameters, sharedOutputs } from "./request-header.ts";
import { extraParameters, sequenceParameters } from "./request-parameters.ts";
import { tensorBytes, tensorData } from "./tensor-bytes.ts";

/** The body of an inference request: JSON, then the tensors in order. */
export interface HttpBody {
  readonly bytes: Buffer;
  /** Bytes of JSON at its beginning: header `Inference-Header-Content-Length`. */
  readonly jsonSize: number;
}

/** @throws `invalid-request` */
export function encodeHttpRequest(request: TritonRequest): HttpBody {
  const tensors: Uint8Array[] = [];
  const inputs = Object.entries(request.inputs).map(([name, tensor]) => {
    const bytes = tensorBytes(name, tensor);
    if (bytes !== undefined) tensors.push(bytes);
    const where: [string, ParameterValue][] =
      bytes === undefined
        ? sharedMemoryParameters(sharedMemoryOf(tensor))
        : [["binary_data_size", bytes.length]];
    return {
      name,
      datatype: tensor.datatype,
      shape: tensor.shape,
      parameters: Object.fromEntries(where),
    };
  });
  const outputs = request.outputs?.map((output) => {
    const parameters = outputParameters(output);
    const isShared = parameters.some(([name]) => name === "shared_memory_region");
    return {
      name: typeof output === "string" ? output : output.name,
      parameters: { ...(isShared ? {} : { binary_data: true }), ...Object.fromEntries(parameters) },
    };
  });
  const parameters: Record<string, Json> = Object.fromEntries([
    ...(request.sequence === undefined ? [] : sequenceParameters(request.sequence)),
    ...extraParameters(request),
  ]);
  if (outputs === undefined) parameters.binary_data_output = true;
  const json = Buffer.from(jsonText({ id: request.id, parameters, inputs, outputs }), "utf8");
  return { bytes: Buffer.concat([json, ...tensors]), jsonSize: json.length };
}

/**
 * Reads the body of an inference response.
 *
 * @param jsonSize bytes of JSON at its beginning; all of it when absent
 * @throws `malformed-response`
 */
export function decodeHttpResponse(
  bytes: Buffer,
  jsonSize: number | undefined,
  request: TritonRequest,
): InferResult {
  const end = jsonSize ?? bytes.length;
  if (!(end >= 0 && end <= bytes.length))
    throw malformedResponse(`a response of ${bytes.length} bytes says that ${end} of them are JSON`);
  const head = parse(bytes.toString("utf8", 0, end));
  const shared = sharedOutputs(request.outputs);
  const outputs: Record<string, Tensor> = {};
  let at = end;
  for (const output of list(head.outputs).map(record)) {
    const name = String(output.name);
    const shape = list(output.shape).map(Number);
    const datatype = String(output.datatype);
    if (!isDatatype(datatype) || shape.some((size) => !Number.isSafeInteger(size) || size < 0))
      throw malformedResponse(`output "${name}" is of ${datatype} [${shape.join(", ")}]`, { output: name });
    if (shared?.has(name)) continue;
    const size = record(output.parameters).binary_data_size;
    if (size === undefined) {
      outputs[name] = { datatype, shape, data: elements(name, datatype, shape, output.data) };
      continue;
    }
    const to = at + Number(size);
    if (!(to >= at && to <= bytes.length))
      throw malformedResponse(`output "${name}" of ${String(size)} bytes runs past the end of the response`);
    outputs[name] = { datatype, shape, data: tensorData(name, datatype, shape, bytes.subarray(at, to)) };
    at = to;
  }
  return {
    id: typeof head.id === "string" ? head.id : "",
    outputs,
    modelName: String(head.model_name),
    modelVersion: String(head.model_version ?? ""),
    parameters: Object.fromEntries(Object.entries(record(head.parameters)).filter(isParameter)),
    final: true,
  };
}

type Fields = Readonly<Record<string, unknown>>;

function parse(text: string): Fields {
  try {
    const value: unknown = JSON.parse(text);
    return record(value);
  } catch (cause) {
    throw malformedResponse(
      `a response is no JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
    );
  }
}

function record(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value))
    : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isParameter(entry: [string, unknown]): entry is [string, ParameterValue] {
  return ["boolean", "string", "number"].includes(typeof entry[1]);
}

/** Elements that came as JSON: Triton sends what it was asked for in binary, other servers may not. */
function elements(
  name: string,
  datatype: Tensor["datatype"],
  shape: readonly number[],
  data: unknown,
): TensorData {
  const values = list(data).flat(Number.POSITIVE_INFINITY);
  const found = fromJson(datatype, values);
  if (found === undefined || found.length !== elementCount(shape))
    throw malformedResponse(
      `output "${name}" of ${datatype} [${shape.join(", ")}] came as JSON of ${values.length} elements`,
      { output: name, datatype, shape },
    );
  return found;
}

function fromJson(datatype: Tensor["datatype"], values: readonly unknown[]): TensorData | undefined {
  const numbers = (): number[] => values.map(Number);
  const integers = (): bigint[] =>
    values.map((value) => BigInt(typeof value === "number" ? value : String(value)));
  switch (datatype) {
    case "BOOL":
    case "UINT8":
      return Uint8Array.from(numbers());
    case "INT8":
      return Int8Array.from(numbers());
    case "INT16":
      return Int16Array.from(numbers());
    case "INT32":
      return Int32Array.from(numbers());
    case "INT64":
      return BigInt64Array.from(integers());
    case "UINT16":
      return Uint16Array.from(numbers());
    case "UINT32":
      return Uint32Array.from(numbers());
    case "UINT64":
      return BigUint64Array.from(integers());
    case "FP32":
      return Float32Array.from(numbers());
    case "FP64":
      return Float64Array.from(numbers());
    case "BYTES":
      return values.map((value) => Buffer.from(String(value), "utf8"));
    case "FP16":
    case "BF16":
      return undefined;
  }
}
