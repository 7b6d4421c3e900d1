import type { NumericArray } from "@strainflow/series";

/** Turns every element's bytes round, in place. */
export function swapBytes(data: NumericArray): void {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  if (data.BYTES_PER_ELEMENT === 2) bytes.swap16();
  else if (data.BYTES_PER_ELEMENT === 4) bytes.swap32();
  else if (data.BYTES_PER_ELEMENT === 8) bytes.swap64();
}

/** From the order in which the first index runs fastest (Fortran's) to the one in which the last does. */
export function rowMajor<T extends NumericArray>(data: T, shape: readonly number[]): T {
  const sorted = data.slice();
  const source = strides(shape);
  const at = new Array<number>(shape.length).fill(0);
  let from = 0;
  for (let to = 0; to < data.length; to++) {
    sorted[to] = data[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at[axis]! += 1;
      from += source[axis]!;
      if (at[axis]! < shape[axis]!) break;
      from -= source[axis]! * shape[axis]!;
      at[axis] = 0;
    }
  }
  return sorted as T;
}

function strides(shape: readonly number[]): number[] {
  let stride = 1;
  return shape.map((size) => {
    const own = stride;
    stride *= size;
    return own;
  });
}
