/** How long answers took, in milliseconds; percentiles are exact (nearest rank: a value that was measured). */
export interface LatencySummary {
  readonly count: number;
  readonly meanMs: number;
  readonly deviationMs: number;
  readonly minMs: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

/** The smallest value that at least `percent` % of them do not exceed; NaN of none. `sorted` is ascending. */
export function percentile(sorted: Float64Array, percent: number): number {
  const rank = Math.ceil((percent / 100) * sorted.length - 1e-9);
  return sorted[Math.min(sorted.length, Math.max(1, rank)) - 1] ?? Number.NaN;
}

/** Of values in ascending order; nothing where there are none. */
export function summarize(sorted: Float64Array): LatencySummary | undefined {
  const count = sorted.length;
  if (count === 0) return undefined;
  let sum = 0;
  for (const value of sorted) sum += value;
  const meanMs = sum / count;
  let squares = 0;
  for (const value of sorted) squares += (value - meanMs) ** 2;
  return {
    count,
    meanMs,
    deviationMs: Math.sqrt(squares / count),
    minMs: percentile(sorted, 0),
    p50Ms: percentile(sorted, 50),
    p90Ms: percentile(sorted, 90),
    p95Ms: percentile(sorted, 95),
    p99Ms: percentile(sorted, 99),
    p999Ms: percentile(sorted, 99.9),
    maxMs: percentile(sorted, 100),
  };
}
