import { create, toBinary } from "@bufbuild/protobuf";
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProto_DataType,
  TensorProtoSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "@strainflow/proto";
import { elementCount, invalidOption } from "@strainflow/series";

/**
 * Version of the standard operators that every graph is written in. 17 is the first with `DFT`, and is read by every
 * ONNX Runtime from 1.12 on, the one inside Triton 2.51 among them.
 */
const OPSET = 17n;

/** Version of the file format that belongs to opset 17. */
const IR_VERSION = 8n;

/** Element types that our graphs use. */
export type ElementType = "FP32" | "FP64" | "INT64" | "BOOL";

const ELEMENT_TYPES: Readonly<Record<ElementType, TensorProto_DataType>> = {
  FP32: TensorProto_DataType.FLOAT,
  FP64: TensorProto_DataType.DOUBLE,
  INT64: TensorProto_DataType.INT64,
  BOOL: TensorProto_DataType.BOOL,
};

/** A tensor somewhere in a graph. Its name may still change: a value that becomes an output takes the output's. */
export interface Value {
  readonly name: string;
}

/** A floating-point attribute; a bare number is an integer one. */
export interface FloatAttribute {
  readonly float: number;
}

export type Attribute = number | readonly number[] | string | FloatAttribute;

/** A size, or the name of one that may be any: the same name, the same size. */
export type Dimension = number | string;

/** Builds one ONNX graph, node by node. */
export interface GraphBuilder {
  /** A tensor that comes from outside. */
  input(name: string, type: ElementType, shape: readonly Dimension[]): Value;
  /** A constant of any shape; the element type follows the array: Float32, Float64, BigInt64. */
  constant(data: Float32Array | Float64Array | BigInt64Array, shape: readonly number[], name?: string): Value;
  /** INT64 constant: shapes, axes, indexes. */
  ints(values: readonly number[]): Value;
  /** Scalar INT64. */
  int(value: number): Value;
  /** Scalar FP32. */
  float(value: number): Value;
  /** Scalar FP64. */
  double(value: number): Value;
  /** A node of one output. `undefined` among the inputs leaves an optional one out. */
  op(
    type: string,
    inputs: readonly (Value | undefined)[],
    attributes?: Readonly<Record<string, Attribute>>,
  ): Value;
  /** A node of several outputs. */
  ops(
    type: string,
    inputs: readonly (Value | undefined)[],
    count: number,
    attributes?: Readonly<Record<string, Attribute>>,
  ): Value[];
  /** Makes a value an output of the graph, under this name. */
  output(name: string, value: Value, type: ElementType, shape: readonly Dimension[]): void;
  /** The model as the bytes of a `.onnx` file. */
  toBytes(): Uint8Array;
}

interface NamedValue {
  name: string;
}

interface Node {
  readonly type: string;
  readonly inputs: readonly (Value | undefined)[];
  readonly outputs: readonly NamedValue[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** An empty graph. Nodes must come in an order in which their inputs exist, which building it gives by itself. */
export function createGraph(name: string): GraphBuilder {
  const inputs: ValueInfoProto[] = [];
  const outputs: ValueInfoProto[] = [];
  const initializers: { readonly value: NamedValue; readonly tensor: TensorProto }[] = [];
  const nodes: Node[] = [];
  /** Values that may still be renamed: made by a node, not yet an output. */
  const free = new Set<Value>();
  let count = 0;

  const constant = (
    data: Float32Array | Float64Array | BigInt64Array,
    shape: readonly number[],
    constantName?: string,
  ): Value => {
    if (elementCount(shape) !== data.length)
      throw invalidOption("constant", "shape", shape.join("×"), `one of ${data.length} elements`);
    const value: NamedValue = { name: constantName ?? `c${count++}` };
    const tensor = create(TensorProtoSchema, {
      dims: shape.map(BigInt),
      dataType:
        data instanceof Float32Array
          ? TensorProto_DataType.FLOAT
          : data instanceof Float64Array
            ? TensorProto_DataType.DOUBLE
            : TensorProto_DataType.INT64,
      rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice(),
    });
    initializers.push({ value, tensor });
    return value;
  };

  const ops: GraphBuilder["ops"] = (type, nodeInputs, outputCount, attributes = {}) => {
    const nodeOutputs = Array.from({ length: outputCount }, () => ({ name: `v${count++}` }));
    nodes.push({ type, inputs: nodeInputs, outputs: nodeOutputs, attributes });
    for (const value of nodeOutputs) free.add(value);
    return nodeOutputs;
  };

  return {
    input(inputName, type, shape) {
      inputs.push(valueInfo(inputName, type, shape));
      return { name: inputName };
    },
    constant,
    ints: (values) => constant(BigInt64Array.from(values, BigInt), [values.length]),
    int: (value) => constant(BigInt64Array.of(BigInt(value)), []),
    float: (value) => constant(Float32Array.of(value), []),
    double: (value) => constant(Float64Array.of(value), []),
    ops,
    op: (type, nodeInputs, attributes) => ops(type, nodeInputs, 1, attributes)[0]!,
    output(outputName, value, type, shape) {
      outputs.push(valueInfo(outputName, type, shape));
      const owner = nodes.flatMap((node) => node.outputs).find((candidate) => candidate === value);
      if (owner !== undefined && free.delete(value)) owner.name = outputName;
      else nodes.push({ type: "Identity", inputs: [value], outputs: [{ name: outputName }], attributes: {} });
    },
    toBytes: () =>
      toBinary(
        ModelProtoSchema,
        create(ModelProtoSchema, {
          irVersion: IR_VERSION,
          producerName: "strainflow",
          opsetImport: [{ domain: "", version: OPSET }],
          graph: create(GraphProtoSchema, {
            name,
            input: inputs,
            output: outputs,
            initializer: initializers.map(({ value, tensor }) => ({ ...tensor, name: value.name })),
            node: nodes.map(nodeProto),
          }),
        }),
      ),
  };
}

function valueInfo(name: string, type: ElementType, shape: readonly Dimension[]): ValueInfoProto {
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, {
      value: {
        case: "tensorType",
        value: {
          elemType: ELEMENT_TYPES[type],
          shape: {
            dim: shape.map((size) => ({
              value:
                typeof size === "string"
                  ? { case: "dimParam" as const, value: size }
                  : { case: "dimValue" as const, value: BigInt(size) },
            })),
          },
        },
      },
    }),
  });
}

function nodeProto(node: Node): NodeProto {
  return create(NodeProtoSchema, {
    opType: node.type,
    input: node.inputs.map((value) => value?.name ?? ""),
    output: node.outputs.map((value) => value.name),
    attribute: Object.entries(node.attributes).map(([name, value]) => attributeProto(name, value)),
  });
}

function attributeProto(name: string, value: Attribute): AttributeProto {
  const { INT, INTS, FLOAT, STRING } = AttributeProto_AttributeType;
  if (typeof value === "number") return create(AttributeProtoSchema, { name, type: INT, i: BigInt(value) });
  if (typeof value === "string")
    return create(AttributeProtoSchema, { name, type: STRING, s: new TextEncoder().encode(value) });
  if ("float" in value) return create(AttributeProtoSchema, { name, type: FLOAT, f: value.float });
  return create(AttributeProtoSchema, { name, type: INTS, ints: value.map(BigInt) });
}
