import { readFile } from "node:fs/promises";
import { fromBinary } from "@bufbuild/protobuf";
import {
  type GraphProto,
  ModelProtoSchema,
  TensorProto_DataType,
  type ValueInfoProto,
} from "@strainflow/proto";
import type { Datatype, TensorSpec } from "@strainflow/series";
import { repositoryError } from "../errors.ts";

/** What an ONNX file says of itself. */
export interface OnnxFacts {
  /** Shapes with −1 where any size will do. */
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** Version of the standard operators. */
  readonly opset: number;
}

const {
  FLOAT,
  DOUBLE,
  FLOAT16,
  BFLOAT16,
  INT8,
  INT16,
  INT32,
  INT64,
  UINT8,
  UINT16,
  UINT32,
  UINT64,
  BOOL,
  STRING,
} = TensorProto_DataType;

const DATATYPES: ReadonlyMap<number, Datatype> = new Map([
  [FLOAT, "FP32"],
  [DOUBLE, "FP64"],
  [FLOAT16, "FP16"],
  [BFLOAT16, "BF16"],
  [INT8, "INT8"],
  [INT16, "INT16"],
  [INT32, "INT32"],
  [INT64, "INT64"],
  [UINT8, "UINT8"],
  [UINT16, "UINT16"],
  [UINT32, "UINT32"],
  [UINT64, "UINT64"],
  [BOOL, "BOOL"],
  [STRING, "BYTES"],
]);

/** The bytes of a model that is given as bytes or as a path. @throws `bad-network` if there is no such file */
export async function readOnnx(onnx: Uint8Array | string): Promise<Uint8Array> {
  if (typeof onnx !== "string") return onnx;
  try {
    return await readFile(onnx);
  } catch (cause) {
    throw repositoryError(
      "bad-network",
      `${onnx} cannot be read: give the path of an .onnx file`,
      { path: onnx },
      cause,
    );
  }
}

/**
 * Reads inputs, outputs and operator version of an ONNX model, without running it.
 *
 * @throws `bad-network` if the bytes are no ONNX model, or an input or output is not a tensor of known type and rank
 */
export function inspectOnnx(bytes: Uint8Array): OnnxFacts {
  const { graph, opsetImport } = decode(bytes);
  const constants = new Set(graph.initializer.map((tensor) => tensor.name));
  return {
    // Before version 4 of the format, constants stood among the inputs.
    inputs: graph.input.filter((input) => !constants.has(input.name)).map(tensorSpec),
    outputs: graph.output.map(tensorSpec),
    opset: Number(opsetImport.find(({ domain }) => domain === "" || domain === "ai.onnx")?.version ?? 0n),
  };
}

function decode(bytes: Uint8Array): {
  readonly graph: GraphProto;
  readonly opsetImport: readonly { readonly domain: string; readonly version: bigint }[];
} {
  let cause: unknown;
  try {
    const { graph, opsetImport } = fromBinary(ModelProtoSchema, bytes);
    if (graph !== undefined && graph.output.length > 0) return { graph, opsetImport };
  } catch (error) {
    cause = error;
  }
  throw repositoryError(
    "bad-network",
    `these ${bytes.length} bytes are no ONNX model: export the network with torch.onnx.export or the like`,
    {},
    cause,
  );
}

function tensorSpec(value: ValueInfoProto): TensorSpec {
  const tensor = value.type?.value.case === "tensorType" ? value.type.value.value : undefined;
  const datatype = DATATYPES.get(tensor?.elemType ?? 0);
  if (tensor?.shape === undefined || datatype === undefined)
    throw repositoryError(
      "bad-network",
      `${value.name} is not a tensor of known type and rank (element type ${tensor?.elemType ?? "none"}); ` +
        "export the network with its shapes",
      { tensor: value.name },
    );
  return {
    name: value.name,
    datatype,
    shape: tensor.shape.dim.map((dim) => (dim.value.case === "dimValue" ? Number(dim.value.value) : -1)),
  };
}
