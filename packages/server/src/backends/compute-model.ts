import { type Datatype, joinByteStrings, splitByteStrings } from "@strainflow/series";
import { Tensor } from "onnxruntime-node";
import type { GraphTensor, MovedTensor, StepRun } from "./worker-messages.ts";

/** A model inside a compute thread. It runs one request at a time. */
export interface ComputeModel {
  readonly inputs: readonly GraphTensor[];
  readonly outputs: readonly GraphTensor[];
  /**
   * Runs once. A failed run leaves the states as they were. The tensors that come back are the caller's own: no state
   * shares memory with them.
   */
  run(
    feeds: Readonly<Record<string, Tensor>>,
    wanted: readonly string[],
    rows: StepRun["rows"],
  ): Promise<Readonly<Record<string, Tensor>>>;
  /** Copies of a sequence's states, under the names of the inputs that they go into. */
  save(state: number): readonly MovedTensor[];
  /** Puts states into their places. @throws if they are not this model's */
  restore(state: number, tensors: readonly MovedTensor[]): void;
  /** The state of a sequence is not needed again. */
  forget(state: number): void;
  release(): Promise<void>;
}

const TO_ORT = {
  BOOL: "bool",
  UINT8: "uint8",
  UINT16: "uint16",
  UINT32: "uint32",
  UINT64: "uint64",
  INT8: "int8",
  INT16: "int16",
  INT32: "int32",
  INT64: "int64",
  FP16: "float16",
  FP32: "float32",
  FP64: "float64",
  BYTES: "string",
} as const satisfies Partial<Record<Datatype, Tensor.Type>>;

const FROM_ORT: ReadonlyMap<string, Datatype> = new Map(
  (Object.keys(TO_ORT) as (keyof typeof TO_ORT)[]).map((datatype) => [TO_ORT[datatype], datatype]),
);

/** The wire's name of ONNX Runtime's element type. */
export function datatypeOfOrt(type: string): Datatype {
  const datatype = FROM_ORT.get(type);
  if (datatype === undefined) throw new Error(`tensors of type ${type} are not supported`);
  return datatype;
}

/** Tensors of UINT16 whose bits are BF16, which ONNX Runtime's JavaScript has not. */
const bf16 = new WeakSet<Tensor>();

export function markBf16(tensor: Tensor): Tensor {
  bf16.add(tensor);
  return tensor;
}

export function isBf16(tensor: Tensor): boolean {
  return bf16.has(tensor);
}

function datatypeOfTensor(tensor: Tensor): Datatype {
  return tensor.type === "uint16" && isBf16(tensor) ? "BF16" : datatypeOfOrt(tensor.type);
}

/** Bytes of an element type as ONNX Runtime's tensor, over the same memory. */
export function toOrt(datatype: Datatype, shape: readonly number[], buffer: ArrayBuffer): Tensor {
  switch (datatype) {
    case "BOOL":
      return new Tensor("bool", new Uint8Array(buffer), shape);
    case "UINT8":
      return new Tensor("uint8", new Uint8Array(buffer), shape);
    case "UINT16":
      return new Tensor("uint16", new Uint16Array(buffer), shape);
    case "UINT32":
      return new Tensor("uint32", new Uint32Array(buffer), shape);
    case "UINT64":
      return new Tensor("uint64", new BigUint64Array(buffer), shape);
    case "INT8":
      return new Tensor("int8", new Int8Array(buffer), shape);
    case "INT16":
      return new Tensor("int16", new Int16Array(buffer), shape);
    case "INT32":
      return new Tensor("int32", new Int32Array(buffer), shape);
    case "INT64":
      return new Tensor("int64", new BigInt64Array(buffer), shape);
    case "FP16":
      return new Tensor("float16", new Uint16Array(buffer), shape);
    case "FP32":
      return new Tensor("float32", new Float32Array(buffer), shape);
    case "FP64":
      return new Tensor("float64", new Float64Array(buffer), shape);
    case "BYTES":
      return new Tensor("string", splitByteStrings(new Uint8Array(buffer)).map(readText), shape);
    case "BF16":
      return markBf16(new Tensor("uint16", new Uint16Array(buffer), shape));
  }
}

/** The bytes of a tensor in a buffer that may leave this thread: the tensor is not to be used again. */
export function fromOrt(name: string, tensor: Tensor): MovedTensor {
  const { data } = tensor;
  if (!ArrayBuffer.isView(data))
    return { name, datatype: "BYTES", shape: tensor.dims, buffer: textBuffer(data) };
  const whole =
    data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength
      ? data.buffer
      : undefined;
  const buffer = whole ?? copyBytes(data);
  return { name, datatype: datatypeOfTensor(tensor), shape: tensor.dims, buffer };
}

/** A tensor of its own with the same values. */
export function cloneTensor(tensor: Tensor): Tensor {
  const { data } = tensor;
  if (!ArrayBuffer.isView(data)) return new Tensor("string", [...data], tensor.dims);
  return toOrt(datatypeOfOrt(tensor.type), tensor.dims, copyBytes(data));
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** ONNX Runtime's texts are JavaScript's here: what they cannot hold is refused, and not changed in silence. */
function readText(bytes: Uint8Array): string {
  try {
    const text = utf8.decode(bytes);
    if (!text.includes("\0")) return text;
  } catch {
    // Told below.
  }
  throw new Error(
    "an element of BYTES is no UTF-8 text, or holds a zero; ONNX Runtime's JavaScript takes neither",
  );
}

function textBuffer(texts: readonly string[]): ArrayBuffer {
  const encoder = new TextEncoder();
  return joinByteStrings(texts.map((text) => encoder.encode(text))).buffer;
}

function copyBytes(view: ArrayBufferView): ArrayBuffer {
  const buffer = new ArrayBuffer(view.byteLength);
  new Uint8Array(buffer).set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  return buffer;
}
