/** Smallest and largest value of equal bins; NaN where a bin has no value. */
export interface Reduced {
  readonly low: Float32Array;
  readonly high: Float32Array;
  /** Samples of the input in each bin; the last may hold fewer. */
  readonly binSize: number;
}

/**
 * Reduces lines too long for a page to the smallest and the largest value of each bin, so that no peak is lost.
 *
 * @param low what the bins' smallest values are taken from
 * @param high what their largest values are taken from; `low` itself for a plain line, and then returned unchanged (`binSize` 1) if it is short enough
 * @param limit values that may be kept, of `low` and `high` together
 */
export function reduceSamples(low: Float32Array, high: Float32Array, limit: number): Reduced {
  const stored = low === high ? low.length : low.length + high.length;
  if (stored <= limit) return { low, high, binSize: 1 };
  const binSize = Math.ceil(low.length / Math.max(1, Math.floor(limit / 2)));
  const bins = Math.ceil(low.length / binSize);
  const lowest = new Float32Array(bins).fill(Number.NaN);
  const highest = new Float32Array(bins).fill(Number.NaN);
  for (let i = 0; i < low.length; i++) {
    const bin = Math.floor(i / binSize);
    const a = low[i]!;
    const b = high[i]!;
    // Written so that a comparison with the NaN a bin starts from lets the first value in.
    if (!Number.isNaN(a) && !(a >= lowest[bin]!)) lowest[bin] = a;
    if (!Number.isNaN(b) && !(b <= highest[bin]!)) highest[bin] = b;
  }
  return { low: lowest, high: highest, binSize };
}
