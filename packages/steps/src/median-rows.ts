/** Bins that are sorted together: few enough for their values of all rows to stay in the fastest cache. */
const LANES = 128;

/**
 * Medians, bin by bin, of some rows (2 or more, and few: the work grows as n·log²n).
 *
 * A sorting network, because which of two powers is larger is a coin's toss: a sort that branches on it is mispredicted
 * half the time. Here nothing branches on values; they are exchanged by computed addresses, all bins of a lane in turn.
 *
 * @returns writes the middle value of each bin, or the mean of the two middle ones, to `medians`
 */
export function createRowMedians(
  count: number,
): (rows: readonly Float64Array[], medians: Float64Array) => void {
  const upper = count >> 1;
  const lower = (count - 1) >> 1;
  const comparators = needed(mergeExchange(count), [lower, upper]);
  const lanes = new Float64Array(count * LANES);
  return (rows, medians) => {
    for (let from = 0; from < medians.length; from += LANES) {
      const size = Math.min(LANES, medians.length - from);
      for (let i = 0; i < count; i++) {
        // Not by views of the rows: thousands of them a second would be left for the collector.
        const row = rows[i]!;
        for (let k = 0; k < size; k++) lanes[i * LANES + k] = row[from + k]!;
      }
      for (const [i, j] of comparators) exchange(lanes, i * LANES, j * LANES, size);
      const [a, b] = [lower * LANES, upper * LANES];
      for (let k = 0; k < size; k++)
        medians[from + k] = a === b ? lanes[a + k]! : (lanes[a + k]! + lanes[b + k]!) / 2;
    }
  };
}

/** Puts the smaller of each two values first. */
function exchange(lanes: Float64Array, first: number, second: number, size: number): void {
  const apart = second - first;
  for (let at = first; at < first + size; at++) {
    const a = lanes[at]!;
    const b = lanes[at + apart]!;
    const moved = -Number(b < a) & apart;
    lanes[at + moved] = a;
    lanes[at + apart - moved] = b;
  }
}

/** Batcher's merge exchange sort of any number of values: D. E. Knuth, The Art of Computer Programming 3, 5.2.2 M. */
function mergeExchange(count: number): (readonly [number, number])[] {
  const comparators: (readonly [number, number])[] = [];
  // Shifts, not divisions: places that the engine takes for fractions make the exchanges half as fast.
  const top = 1 << (31 - Math.clz32(count - 1));
  for (let p = top; p >= 1; p >>= 1) {
    let [q, r, d] = [top, 0, p];
    for (;;) {
      for (let i = 0; i + d < count; i++) if ((i & p) === r) comparators.push([i, i + d]);
      if (q === p) break;
      [d, q, r] = [q - p, q >> 1, p];
    }
  }
  return comparators;
}

/** Those comparators that the values at `places` still depend on. */
function needed(
  comparators: readonly (readonly [number, number])[],
  places: readonly number[],
): readonly (readonly [number, number])[] {
  const live = new Set(places);
  const kept: (readonly [number, number])[] = [];
  for (const [i, j] of [...comparators].reverse()) {
    if (!live.has(i) && !live.has(j)) continue;
    live.add(i).add(j);
    kept.unshift([i, j]);
  }
  return kept;
}
