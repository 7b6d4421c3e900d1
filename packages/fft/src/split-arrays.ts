/**
 * Scratch memory for the two parts of `size` complex numbers.
 *
 * A pass reads and writes a dozen streams at once, a power of two apart. If both parts began at the same place of a
 * memory page as well, they would push each other out of the processor's first cache: a quarter of the time at 8192
 * points. `lane` tells apart the pairs that one transform works on at the same time.
 */
export function splitArrays(
  size: number,
  lane: 0 | 1,
): { readonly re: Float64Array; readonly im: Float64Array } {
  const offset = 72 * lane;
  const arena = new Float64Array(2 * size + 2 * 136);
  return {
    re: arena.subarray(offset, offset + size),
    im: arena.subarray(offset + size + 128, offset + 2 * size + 128),
  };
}
