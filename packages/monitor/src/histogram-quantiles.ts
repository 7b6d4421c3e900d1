/** A cumulative histogram: upper bounds in seconds, the last of them +Inf, and how many fell at or below each. */
export type Buckets = ReadonlyMap<number, number>;

const QUANTILES = ["0.5", "0.9", "0.95", "0.99", "0.999"] as const;

/**
 * Quantiles of what fell into a histogram between two readings, in microseconds: straight lines within buckets, as in
 * Prometheus' `histogram_quantile`. Empty where nothing fell into it.
 *
 * @param before the earlier reading; empty for one that began at zero
 */
export function histogramQuantiles(before: Buckets, now: Buckets): ReadonlyMap<string, number> {
  const grown = [...now]
    .map(([bound, count]) => ({ bound, count: Math.max(0, count - (before.get(bound) ?? 0)) }))
    .sort((a, b) => a.bound - b.bound);
  const total = grown.at(-1)?.count ?? 0;
  if (!(total > 0)) return new Map();
  return new Map(QUANTILES.map((quantile) => [quantile, 1e6 * quantileOf(Number(quantile) * total, grown)]));
}

function quantileOf(
  rank: number,
  grown: readonly { readonly bound: number; readonly count: number }[],
): number {
  let below = 0;
  let from = 0;
  for (const { bound, count } of grown) {
    if (count >= rank) {
      // Beyond the last bound nobody knows more than that.
      if (!Number.isFinite(bound)) return from;
      return count > below ? from + ((bound - from) * (rank - below)) / (count - below) : bound;
    }
    below = count;
    from = bound;
  }
  return from;
}
