import type { LatencySummary } from "./latency-summary.ts";

/** An event loop that is busy for longer than this answers late. */
const BUSY = 0.9;
/** Timers of Node are good to a millisecond: a lag below this is nobody's fault. */
const TIMER_MS = 2;
/** A lag that is more than this share of the latency is a part of it that the server has nothing to do with. */
const LAG_SHARE = 0.2;

/** Says when the generator is what limits a measurement. */
export function bottleneckText(facts: {
  readonly utilization: number;
  readonly lag: LatencySummary | undefined;
  readonly latency: LatencySummary | undefined;
  readonly processes: number;
}): string | undefined {
  const { utilization, lag, latency, processes } = facts;
  const more = `try ${2 * processes} processes, or a machine of its own`;
  if (utilization > BUSY)
    return `the generator's event loop was busy for ${Math.round(100 * utilization)} % of the time: latencies contain its own delays; ${more}`;
  const lateMs = lag?.p99Ms ?? 0;
  if (lateMs > Math.max(TIMER_MS, LAG_SHARE * (latency?.p99Ms ?? 0)))
    return `1 % of the requests were sent ${Number(lateMs.toPrecision(2))} ms or more after they were due, by the generator's fault; ${more}`;
  return undefined;
}
