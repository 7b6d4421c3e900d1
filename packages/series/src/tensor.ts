/** Triton's names of element types. */
export type Datatype =
  | "BOOL"
  | "UINT8"
  | "UINT16"
  | "UINT32"
  | "UINT64"
  | "INT8"
  | "INT16"
  | "INT32"
  | "INT64"
  | "FP16"
  | "FP32"
  | "FP64"
  | "BF16"
  | "BYTES";

/** Elements in row-major order. FP16 and BF16 travel as their 16-bit patterns; BYTES as an array of byte strings. */
export type TensorData =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array
  | readonly Uint8Array[];

/** An n-dimensional array as models take and give it. */
export interface Tensor {
  readonly datatype: Datatype;
  /** Row-major; its product is the number of elements. */
  readonly shape: readonly number[];
  readonly data: TensorData;
}

/** What a model says of one of its tensors. */
export interface TensorSpec {
  readonly name: string;
  readonly datatype: Datatype;
  /** −1 where any size will do. */
  readonly shape: readonly number[];
}

/** Number of elements of a shape. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
