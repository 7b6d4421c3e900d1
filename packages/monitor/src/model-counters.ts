import { type MetricsText, metricValue } from "@strainflow/metrics";
import type { Buckets } from "./histogram-quantiles.ts";

/** What Triton counts of a model since it was loaded. Durations are sums over requests, in microseconds. */
export const counterMetrics = {
  /** Requests that were answered. */
  requests: "nv_inference_request_success",
  /** Requests that failed, for any reason. */
  failures: "nv_inference_request_failure",
  /** Elements of batches: a request of batch 8 counts 8. */
  inferences: "nv_inference_count",
  /** Times that the model ran: a batch of several requests counts 1. */
  executions: "nv_inference_exec_count",
  requestUs: "nv_inference_request_duration_us",
  queueUs: "nv_inference_queue_duration_us",
  computeInputUs: "nv_inference_compute_input_duration_us",
  computeInferUs: "nv_inference_compute_infer_duration_us",
  computeOutputUs: "nv_inference_compute_output_duration_us",
} as const;

/** A name of {@link ModelCounters}. */
export type CounterName = keyof typeof counterMetrics;

export const counterNames: readonly CounterName[] = Object.keys(counterMetrics) as CounterName[];

/** A counter is absent where the server does not tell it (`--metrics-config counter_latencies=false`). */
export type ModelCounters = Readonly<Partial<Record<CounterName, number>>>;

/**
 * Quantiles of the requests that a server answered, in microseconds: of the interval, where the server keeps a histogram
 * (strainflow's does); of its recent past, where it keeps a summary (Triton's `--metrics-config summary_latencies=true`).
 */
export interface RequestQuantiles {
  /** `"0.99"` → microseconds, in the order of the quantiles. */
  readonly us: ReadonlyMap<string, number>;
}

/** One version of a model, as a page of metrics tells of it. */
export interface ModelMetrics {
  readonly model: string;
  readonly version: string;
  readonly counters: ModelCounters;
  /** Requests that wait now. */
  readonly pending?: number;
  /** A summary's quantiles. */
  readonly quantiles?: RequestQuantiles;
  /** A histogram of requests' durations. */
  readonly buckets?: Buckets;
}

const PENDING = "nv_inference_pending_request_count";
const SUMMARY = "nv_inference_request_summary_us";
const HISTOGRAM = "strainflow_inference_request_seconds_bucket";
const OTHERS: readonly string[] = [PENDING, SUMMARY, HISTOGRAM];

const counterOf: ReadonlyMap<string, CounterName> = new Map(
  counterNames.map((name) => [counterMetrics[name], name]),
);

interface Growing {
  readonly model: string;
  readonly version: string;
  readonly counters: Partial<Record<CounterName, number>>;
  pending?: number;
  readonly quantiles: Map<string, number>;
  readonly buckets: Map<number, number>;
}

/**
 * The models on a page of metrics, by name and version.
 *
 * Values of one model that differ in other labels (a GPU's, a reason, a model's own tags) are added up. A value that
 * is not finite, or below zero, counts as absent.
 */
export function modelMetrics({ samples }: MetricsText): ModelMetrics[] {
  const models = new Map<string, Growing>();
  for (const { name, labels, value } of samples) {
    const model = labels.get("model");
    const counter = counterOf.get(name);
    if (model === undefined || (counter === undefined && !OTHERS.includes(name))) continue;
    if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) continue;
    const version = labels.get("version") ?? "";
    const key = modelKey(model, version);
    let found = models.get(key);
    if (found === undefined) {
      found = { model, version, counters: {}, quantiles: new Map(), buckets: new Map() };
      models.set(key, found);
    }
    if (counter !== undefined) found.counters[counter] = (found.counters[counter] ?? 0) + value;
    else if (name === PENDING) found.pending = (found.pending ?? 0) + value;
    else if (name === HISTOGRAM) {
      const bound = metricValue(labels.get("le") ?? "");
      if (bound !== undefined && !Number.isNaN(bound))
        found.buckets.set(bound, (found.buckets.get(bound) ?? 0) + value);
    } else {
      // Where several instances tell their own, the slowest says most.
      const quantile = labels.get("quantile");
      if (quantile !== undefined)
        found.quantiles.set(quantile, Math.max(found.quantiles.get(quantile) ?? 0, value));
    }
  }
  return [...models.values()]
    .filter(({ counters }) => Object.keys(counters).length > 0)
    .map(({ model, version, counters, pending, quantiles, buckets }) => ({
      model,
      version,
      counters,
      ...(pending === undefined ? {} : { pending }),
      ...(buckets.size === 0 ? {} : { buckets }),
      ...(quantiles.size === 0
        ? {}
        : { quantiles: { us: new Map([...quantiles].sort(([a], [b]) => Number(a) - Number(b))) } }),
    }))
    .sort((a, b) => compare(a.model, b.model) || compare(a.version, b.version));
}

/** Tells versions of models apart. */
export function modelKey(model: string, version: string): string {
  return `${model}\n${version}`;
}

/** By characters, numbers within names by their value: the same on all machines. */
function compare(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}
