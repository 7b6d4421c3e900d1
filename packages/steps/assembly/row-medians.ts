/*
 * The sorting network of `row-medians.ts`, two bins at a time, for WebAssembly's vectors. AssemblyScript; addresses and
 * places are in bytes.
 */

/** Bytes of the bins that are sorted together: few enough for the values of all rows to stay in the fastest cache. */
const LANES: usize = 512;

/**
 * The middle values of each bin, or the mean of the two middle ones.
 *
 * @param rows `count` rows of `size` bytes each, a whole number of lanes
 * @param comparators pairs of places in `lanes`, each where a row's lane begins
 * @param lanes scratch memory, a lane for each row
 * @param lower place of the lower one of the middle rows
 * @param upper place of the upper one; the same where their number is odd
 */
export function medians(
  rows: usize,
  count: i32,
  size: usize,
  comparators: usize,
  comparatorCount: i32,
  lanes: usize,
  lower: usize,
  upper: usize,
  output: usize,
): void {
  const half = f64x2.splat(0.5);
  const lastComparator = comparators + (usize(comparatorCount) << 3);
  for (let from: usize = 0; from < size; from += LANES) {
    let row = rows + from;
    let lane = lanes;
    for (let i = 0; i < count; i++, row += size, lane += LANES) memory.copy(lane, row, LANES);
    for (let c = comparators; c < lastComparator; c += 8) {
      const first = lanes + load<u32>(c);
      const second = lanes + load<u32>(c + 4);
      for (let k: usize = 0; k < LANES; k += 16) {
        const a = v128.load(first + k);
        const b = v128.load(second + k);
        // b < a ? b : a, and b < a ? a : b.
        v128.store(first + k, f64x2.pmin(a, b));
        v128.store(second + k, f64x2.pmax(b, a));
      }
    }
    if (lower === upper) memory.copy(output + from, lanes + lower, LANES);
    else
      for (let k: usize = 0; k < LANES; k += 16)
        v128.store(
          output + from + k,
          f64x2.mul(f64x2.add(v128.load(lanes + lower + k), v128.load(lanes + upper + k)), half),
        );
  }
}
