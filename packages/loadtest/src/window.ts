import { percentile } from "./latency-summary.ts";
import { OUTCOME, type SampleBatch } from "./sample-log.ts";

/** One look at all generators. */
export interface Window {
  readonly seconds: number;
  /** Answers, right or wrong. */
  readonly answered: number;
  readonly requestsPerSecond: number;
  /** The latency that has to be level: its mean, or a percentile. NaN without answers. */
  readonly latencyMs: number;
}

/** From what each generator saw in it. @param steady the percentile that has to be level; the mean when absent */
export function windowOf(batches: readonly SampleBatch[], steady: number | undefined): Window {
  const latencies: number[] = [];
  let requestsPerSecond = 0;
  for (const { from, until, outcome, done, intended } of batches) {
    let answered = 0;
    outcome.forEach((how, i) => {
      if (how !== OUTCOME.answered && how !== OUTCOME.wrong) return;
      answered++;
      latencies.push(done[i]! - intended[i]!);
    });
    requestsPerSecond += until > from ? (1000 * answered) / (until - from) : 0;
  }
  const mean = latencies.reduce((sum, each) => sum + each, 0) / latencies.length;
  return {
    seconds: Math.max(0, ...batches.map(({ from, until }) => (until - from) / 1000)),
    answered: latencies.length,
    requestsPerSecond,
    latencyMs: steady === undefined ? mean : percentile(Float64Array.from(latencies).sort(), steady),
  };
}

/** Windows that must agree. As in perf_analyzer. */
export const STEADY_WINDOWS = 3;

/** Whether the last three windows lie within `share` of their mean, in throughput and in latency. */
export function isSteady(windows: readonly Window[], share: number): boolean {
  const last = windows.slice(-STEADY_WINDOWS);
  if (last.length < STEADY_WINDOWS || last.some(({ answered }) => answered === 0)) return false;
  return [last.map((w) => w.requestsPerSecond), last.map((w) => w.latencyMs)].every((values) => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return values.every((value) => Math.abs(value - mean) <= share * mean);
  });
}
