import type { ModelCounters } from "./model-counters.ts";

/** What a model did, per request and per second. A figure is absent where nothing happened, or where the server does not tell it. */
export interface Averages {
  readonly requestsPerSecond?: number;
  readonly inferencesPerSecond?: number;
  /** Microseconds per answered request, from its arrival to its answer. */
  readonly requestUs?: number;
  readonly queueUs?: number;
  readonly computeInputUs?: number;
  readonly computeInferUs?: number;
  readonly computeOutputUs?: number;
  /** Inferences per execution. */
  readonly batchSize?: number;
}

const DURATIONS = ["requestUs", "queueUs", "computeInputUs", "computeInferUs", "computeOutputUs"] as const;

/**
 * Averages of an interval: Δduration / Δrequests, as Triton's durations are sums over requests, and
 * Δinferences / Δexecutions for the mean batch.
 *
 * @param elapsedSeconds of the interval; without one (0) there are no rates
 */
export function averages(counters: ModelCounters, elapsedSeconds: number): Averages {
  const { requests, inferences, executions } = counters;
  const perSecond = (count: number | undefined): number | undefined =>
    count === undefined || !(elapsedSeconds > 0) ? undefined : count / elapsedSeconds;
  const all: Record<keyof Averages, number | undefined> = {
    requestsPerSecond: perSecond(requests),
    inferencesPerSecond: perSecond(inferences),
    batchSize: ratio(inferences, executions),
    requestUs: undefined,
    queueUs: undefined,
    computeInputUs: undefined,
    computeInferUs: undefined,
    computeOutputUs: undefined,
  };
  for (const name of DURATIONS) all[name] = ratio(counters[name], requests);
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

function ratio(part: number | undefined, whole: number | undefined): number | undefined {
  return part === undefined || whole === undefined || !(whole > 0) ? undefined : part / whole;
}
