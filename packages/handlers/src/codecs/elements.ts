import type { Datatype, Tensor } from "@strainflow/series";

/** The elements that have a fixed size. */
export type NumericDatatype = Exclude<Datatype, "BYTES">;
export type NumericArray = Exclude<Tensor["data"], readonly Uint8Array[]>;

interface ArrayType {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer, byteOffset: number, length: number): NumericArray;
}

/** BOOL is 0 or 1 in a byte; FP16 and BF16 are their bits. */
export const ARRAYS: Readonly<Record<NumericDatatype, ArrayType>> = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP16: Uint16Array,
  BF16: Uint16Array,
  FP32: Float32Array,
  FP64: Float64Array,
};

export function isNumeric(datatype: unknown): datatype is NumericDatatype {
  return typeof datatype === "string" && Object.hasOwn(ARRAYS, datatype);
}

/** numpy has at most 64. */
const MAX_DIMENSIONS = 64;

/** Sizes of an array, and how many elements they make. @throws `Error` with what is wrong */
export function checkShape(shape: unknown): { readonly shape: readonly number[]; readonly count: number } {
  if (!Array.isArray(shape) || shape.length > MAX_DIMENSIONS)
    throw new RangeError(`a shape is a list of at most ${MAX_DIMENSIONS} sizes`);
  let count = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`a shape of [${shape.map(String)}]`);
    count *= size;
    // Sizes after a 0 make it 0 again, but no honest array is as large on the way.
    if (count > Number.MAX_SAFE_INTEGER)
      throw new RangeError(`a shape of [${shape.map(String)}] is too large`);
  }
  return { shape, count };
}

/** Elements of these bytes, little-endian as everywhere that Node runs; copied, so that they lie aligned and pin nothing. */
export function elementsOf(datatype: NumericDatatype, bytes: Uint8Array, count: number): NumericArray {
  const type = ARRAYS[datatype];
  if (bytes.length !== count * type.BYTES_PER_ELEMENT)
    throw new RangeError(
      `${count} elements of ${datatype} are ${count * type.BYTES_PER_ELEMENT} bytes, not ${bytes.length}`,
    );
  const own = new Uint8Array(bytes);
  return new type(own.buffer, 0, count);
}

/** Its bytes, as they lie. @throws `Error` where data and shape do not fit */
export function bytesOf(tensor: Tensor): Uint8Array {
  const { datatype, data } = tensor;
  const { count } = checkShape(tensor.shape);
  if (!isNumeric(datatype) || !ArrayBuffer.isView(data))
    throw new TypeError(`${datatype} is not an array of numbers`);
  if (data.BYTES_PER_ELEMENT !== ARRAYS[datatype].BYTES_PER_ELEMENT || data.length !== count)
    throw new RangeError(
      `${data.length} elements of ${data.BYTES_PER_ELEMENT} bytes do not make ${datatype} [${tensor.shape.join(", ")}]`,
    );
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
