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

/** The datatypes whose elements all have the same size. */
export type NumericDatatype = Exclude<Datatype, "BYTES">;

/** Elements of a {@link NumericDatatype}. */
export type NumericArray = Exclude<TensorData, readonly Uint8Array[]>;

/** Bytes of one element; 0 for BYTES, whose elements differ in length. */
export const ELEMENT_SIZES: Readonly<Record<Datatype, number>> = {
  BOOL: 1,
  UINT8: 1,
  UINT16: 2,
  UINT32: 4,
  UINT64: 8,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  FP16: 2,
  FP32: 4,
  FP64: 8,
  BF16: 2,
  BYTES: 0,
};

/** Whether a word from outside names a datatype. */
export function isDatatype(name: string): name is Datatype {
  return Object.hasOwn(ELEMENT_SIZES, name);
}

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
