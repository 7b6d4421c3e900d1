import {
  ELEMENT_SIZES,
  isDatatype,
  type NumericArray,
  type NumericDatatype,
  type Tensor,
  viewElements,
} from "@strainflow/series";

export function isNumeric(datatype: unknown): datatype is NumericDatatype {
  return typeof datatype === "string" && isDatatype(datatype) && datatype !== "BYTES";
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
  const size = count * ELEMENT_SIZES[datatype];
  if (bytes.length !== size)
    throw new RangeError(`${count} elements of ${datatype} are ${size} bytes, not ${bytes.length}`);
  return viewElements(datatype, new Uint8Array(bytes));
}

/** Its bytes, as they lie. @throws `Error` where data and shape do not fit */
export function bytesOf(tensor: Tensor): Uint8Array {
  const { datatype, data } = tensor;
  const { count } = checkShape(tensor.shape);
  if (!isNumeric(datatype) || !ArrayBuffer.isView(data))
    throw new TypeError(`${datatype} is not an array of numbers`);
  if (data.BYTES_PER_ELEMENT !== ELEMENT_SIZES[datatype] || data.length !== count)
    throw new RangeError(
      `${data.length} elements of ${data.BYTES_PER_ELEMENT} bytes do not make ${datatype} [${tensor.shape.join(", ")}]`,
    );
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
