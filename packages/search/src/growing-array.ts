/** Numbers of which more and more come: 4 or 8 bytes each, where an array of objects takes ten times as much. */
export interface GrowingArray<A extends Float32Array | Float64Array> {
  /** Values that there are. */
  readonly size: number;
  /** The numbers, `size` of them at least; new ones have the value to begin with. Valid until the next call. */
  extend(size: number): A;
  /** A copy, no longer than it has to be. */
  result(): A;
}

/**
 * @param allocate makes an array of a length
 * @param begin value of new numbers
 */
export function createGrowingArray<A extends Float32Array | Float64Array>(
  allocate: (size: number) => A,
  begin: number,
): GrowingArray<A> {
  let values = allocate(1024);
  let size = 0;
  return {
    get size() {
      return size;
    },
    extend(wanted) {
      if (wanted <= size) return values;
      if (wanted > values.length) {
        const larger = allocate(Math.max(wanted, 2 * values.length));
        larger.set(values.subarray(0, size));
        values = larger;
      }
      values.fill(begin, size, wanted);
      size = wanted;
      return values;
    },
    result() {
      const exact = allocate(size);
      exact.set(values.subarray(0, size));
      return exact;
    },
  };
}
