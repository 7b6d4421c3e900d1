import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType as AttributeType,
  type GraphProto,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProto_DataType as OnnxType,
  type ValueInfoProto,
} from "@strainflow/proto";
import { Tensor } from "onnxruntime-node";
import { isBf16, markBf16 } from "./compute-model.ts";

/*
 * ONNX Runtime's JavaScript has no tensors of BF16: a model that takes or gives one does not even load. Every BF16 number
 * is a FP32 number whose lower half is zero, so a graph that takes and gives FP32 at its edges, with a Cast next to each,
 * has the same values.
 */

/** How ONNX Runtime's JavaScript refuses a model with BF16 at its edges. */
export function isBf16Refusal(error: unknown): boolean {
  return error instanceof Error && error.message.includes(`Unsupported data type: ${OnnxType.BFLOAT16}`);
}

/** A model's file, and what its inputs and outputs of BF16 are called in the graph that runs. */
export interface Bf16Edges {
  readonly file: Uint8Array;
  readonly inputs: ReadonlyMap<string, string>;
  readonly outputs: ReadonlyMap<string, string>;
}

/** External data of a tensor; the field that says so is not read elsewhere. */
const DATA_LOCATION = 14;

/** @throws Error where the graph's weights are in files of their own: it is given as bytes, which lie in no folder */
export function withoutBf16Edges(file: Uint8Array): Bf16Edges {
  const model = fromBinary(ModelProtoSchema, file);
  const { graph } = model;
  if (graph === undefined) throw new Error("the file holds no graph");
  if (graph.initializer.some(({ $unknown }) => $unknown?.some(({ no }) => no === DATA_LOCATION)))
    throw new Error(
      "it takes or gives BF16, and its weights are in files of their own; ONNX Runtime's JavaScript has no BF16, and what " +
        "is put in its place needs the weights in the model's file",
    );
  const inputs = new Map<string, string>();
  const outputs = new Map<string, string>();
  const constants = new Set(graph.initializer.map(({ name }) => name));
  for (const port of graph.input)
    if (!constants.has(port.name))
      rename(graph, port, inputs, (fp32) => cast(fp32, port.name, OnnxType.BFLOAT16));
  for (const port of graph.output)
    rename(graph, port, outputs, (fp32) => cast(port.name, fp32, OnnxType.FLOAT));
  return { file: toBinary(ModelProtoSchema, model), inputs, outputs };

  function rename(
    { node }: GraphProto,
    port: ValueInfoProto,
    names: Map<string, string>,
    bridge: (fp32: string) => (typeof node)[number],
  ): void {
    const type = port.type?.value;
    if (type?.case !== "tensorType" || type.value.elemType !== OnnxType.BFLOAT16) return;
    const fp32 = `${port.name}/strainflow.fp32`;
    names.set(port.name, fp32);
    if (names === inputs) node.unshift(bridge(fp32));
    else node.push(bridge(fp32));
    port.name = fp32;
    type.value.elemType = OnnxType.FLOAT;
  }
}

function cast(from: string, to: string, type: OnnxType) {
  const attribute = [{ name: "to", type: AttributeType.INT, i: BigInt(type) }];
  return create(NodeProtoSchema, { opType: "Cast", input: [from], output: [to], attribute });
}

/** A tensor of BF16 as one of FP32, of the same values. */
export function widen(tensor: Tensor): Tensor {
  const { data, dims } = tensor;
  if (!isBf16(tensor) || !(data instanceof Uint16Array)) throw new Error("it is no tensor of BF16");
  const bits = new Uint32Array(data.length);
  for (let at = 0; at < data.length; at++) bits[at] = (data[at] ?? 0) << 16;
  return new Tensor("float32", new Float32Array(bits.buffer), dims);
}

/** A tensor of FP32 that a Cast has made of one of BF16, as that. */
export function narrow(tensor: Tensor): Tensor {
  const { data, dims } = tensor;
  if (!(data instanceof Float32Array)) throw new Error("it is no tensor of FP32");
  const bits = new Uint32Array(data.buffer, data.byteOffset, data.length);
  const halves = new Uint16Array(data.length);
  for (let at = 0; at < data.length; at++) halves[at] = (bits[at] ?? 0) >>> 16;
  return markBf16(new Tensor("uint16", halves, dims));
}
