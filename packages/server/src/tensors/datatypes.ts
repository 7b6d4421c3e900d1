/** Numbers of elements are refused before they stop being whole numbers, so that no size check is fooled. */
export function elementCountOf(shape: readonly number[]): number | undefined {
  let count = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) return undefined;
    count *= size;
    if (!Number.isSafeInteger(count)) return undefined;
  }
  return count;
}
