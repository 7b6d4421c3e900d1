import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  type AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  type GraphProtoSchema,
  ModelProtoSchema,
  type NodeProtoSchema,
  TensorProto_DataType as OnnxType,
  type ValueInfoProtoSchema,
} from "@strainflow/proto";

/*
 * ONNX graphs of any element type, straight from the format's messages: the repository package builds the few types
 * that strain needs, and a server has to take all of them.
 */

const TYPES = {
  BOOL: OnnxType.BOOL,
  UINT8: OnnxType.UINT8,
  UINT16: OnnxType.UINT16,
  UINT32: OnnxType.UINT32,
  UINT64: OnnxType.UINT64,
  INT8: OnnxType.INT8,
  INT16: OnnxType.INT16,
  INT32: OnnxType.INT32,
  INT64: OnnxType.INT64,
  FP16: OnnxType.FLOAT16,
  FP32: OnnxType.FLOAT,
  FP64: OnnxType.DOUBLE,
  BYTES: OnnxType.STRING,
} as const;

/** What graphs may have besides, and JavaScript's ONNX Runtime has not. */
const ALL_TYPES = { ...TYPES, BF16: OnnxType.BFLOAT16 } as const;

export type TwinType = keyof typeof TYPES;
export const TWIN_TYPES = Object.keys(TYPES) as TwinType[];

/** A tensor of a graph: name, type, sizes (a name where any will do). */
export type Port = readonly [name: string, type: keyof typeof ALL_TYPES, shape: readonly (number | string)[]];

type Node = MessageInitShape<typeof NodeProtoSchema>;

/** A node of one output. */
export function node(
  opType: string,
  input: readonly string[],
  output: string,
  attribute: MessageInitShape<typeof AttributeProtoSchema>[] = [],
): Node {
  return { opType, input: [...input], output: [output], attribute };
}

/** A constant of one number. */
export function constant(name: string, type: "FP32" | "INT64" | "BOOL", value: number, scalar = true): Node {
  const dims = scalar ? [] : [1n];
  const t =
    type === "FP32"
      ? { dims, dataType: TYPES.FP32, floatData: [value] }
      : type === "INT64"
        ? { dims, dataType: TYPES.INT64, int64Data: [BigInt(value)] }
        : { dims, dataType: TYPES.BOOL, int32Data: [value] };
  return node("Constant", [], name, [{ name: "value", type: AttributeType.TENSOR, t }]);
}

/** A constant list of integers. */
export function integerConstant(name: string, type: "INT32" | "UINT32", values: readonly number[]): Node {
  const raw = type === "INT32" ? Int32Array.from(values) : Uint32Array.from(values);
  const t = { dims: [BigInt(values.length)], dataType: TYPES[type], rawData: new Uint8Array(raw.buffer) };
  return node("Constant", [], name, [{ name: "value", type: AttributeType.TENSOR, t }]);
}

export function graphAttribute(
  name: string,
  g: MessageInitShape<typeof GraphProtoSchema>,
): MessageInitShape<typeof AttributeProtoSchema> {
  return { name, type: AttributeType.GRAPH, g };
}

export function valueInfo([name, type, shape]: Port): MessageInitShape<typeof ValueInfoProtoSchema> {
  const dim = shape.map((size) => ({
    value:
      typeof size === "string"
        ? { case: "dimParam" as const, value: size }
        : { case: "dimValue" as const, value: BigInt(size) },
  }));
  return {
    name,
    type: { value: { case: "tensorType", value: { elemType: ALL_TYPES[type], shape: { dim } } } },
  };
}

/** The bytes of a `.onnx` file. */
export function onnxTwin(graph: {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly nodes: readonly Node[];
}): Uint8Array {
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: 8n,
      opsetImport: [{ domain: "", version: 17n }],
      graph: {
        name: "twin",
        input: graph.inputs.map(valueInfo),
        output: graph.outputs.map(valueInfo),
        node: [...graph.nodes],
      },
    }),
  );
}
