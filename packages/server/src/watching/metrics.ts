import { cpus, freemem, totalmem } from "node:os";
import { type WrittenFamily, writeMetrics } from "@strainflow/metrics";
import type { ThreadFigures } from "../backends/compute-thread.ts";
import type { Model } from "../models/model.ts";
import type { ModelRegistry } from "../models/model-registry.ts";
import type { FailureReason, Latency, Statistics } from "./statistics.ts";

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge";
  readonly value: (model: Model) => number;
}

const us = (ns: number): number => Math.floor(ns / 1000);
const statistic =
  (of: (statistics: Statistics) => number) =>
  ({ statistics }: Model): number =>
    of(statistics);

const PER_MODEL: readonly Family[] = [
  counter(
    "nv_inference_request_success",
    "Inference requests that were answered",
    ({ success }) => success.count,
  ),
  counter("nv_inference_count", "Inferences, each element of a batch one", ({ inferences }) => inferences),
  counter("nv_inference_exec_count", "Runs of the model, each batch one", ({ executions }) => executions),
  duration("request", "from arrival to answer", ({ success }) => success.ns),
  duration("queue", "waiting to be run", ({ queue }) => queue.ns),
  duration("compute_input", "preparing inputs", ({ compute }) => compute.input.ns),
  duration("compute_infer", "running the model", ({ compute }) => compute.infer.ns),
  duration("compute_output", "taking outputs", ({ compute }) => compute.output.ns),
  {
    name: "nv_inference_pending_request_count",
    help: "Requests that wait to be run",
    type: "gauge",
    value: ({ scheduler }) => scheduler.waiting,
  },
];

/** Of models whose answers are looked for in a cache. */
const PER_CACHED_MODEL: readonly Family[] = [
  counter(
    "nv_cache_num_hits_per_model",
    "Requests answered out of the cache",
    ({ cacheHit }) => cacheHit.count,
  ),
  counter(
    "nv_cache_hit_duration_per_model",
    "Time of finding answers in the cache, in microseconds",
    ({ cacheHit }) => us(cacheHit.ns),
  ),
  counter(
    "nv_cache_num_misses_per_model",
    "Requests not found in the cache",
    ({ cacheMiss }) => cacheMiss.count,
  ),
  counter(
    "nv_cache_miss_duration_per_model",
    "Time of looking in the cache in vain and of putting answers in, in microseconds",
    ({ cacheMiss }) => us(cacheMiss.ns),
  ),
];

const REASONS: readonly FailureReason[] = ["CANCELED", "REJECTED", "BACKEND", "OTHER"];

/** Triton has summaries of these on request, and no histograms: ours are under a name of their own. */
const HISTOGRAMS: readonly { readonly of: keyof Latency; readonly name: string; readonly help: string }[] = [
  { of: "request", name: "strainflow_inference_request_seconds", help: "From arrival to answer, in seconds" },
  { of: "queue", name: "strainflow_inference_queue_seconds", help: "Waiting to be run, in seconds" },
  { of: "infer", name: "strainflow_inference_compute_seconds", help: "Running the model, in seconds" },
];

function counter(name: string, help: string, of: (statistics: Statistics) => number): Family {
  return { name, help, type: "counter", value: statistic(of) };
}

function duration(name: string, help: string, of: (statistics: Statistics) => number): Family {
  return counter(
    `nv_inference_${name}_duration_us`,
    `Time of requests ${help}, in microseconds`,
    (statistics) => us(of(statistics)),
  );
}

/** What the server has done and does, in Prometheus' text format, under Triton's names and labels. */
export class Metrics {
  readonly #registry: ModelRegistry;
  readonly #threads: readonly { readonly figures: ThreadFigures }[];
  readonly #cpu = new CpuMeter();

  /** `threads`: those that compute; there may come more. */
  constructor(registry: ModelRegistry, threads: readonly { readonly figures: ThreadFigures }[]) {
    this.#registry = registry;
    this.#threads = threads;
  }

  text(): string {
    const models = this.#registry.all();
    const cached = models.filter(({ spec }) => spec.config.responseCache?.enable === true);
    const total = totalmem();
    return writeMetrics([
      ...PER_MODEL.map((family) => perModel(family, models)),
      failures(models),
      ...PER_CACHED_MODEL.map((family) => perModel(family, cached)),
      ...HISTOGRAMS.map(({ of, ...family }) => histogram(family, models, of)),
      ...workers(this.#threads.map(({ figures }) => figures)),
      gauge("nv_cpu_utilization", "Share of the machine's processors in use, 0 to 1", this.#cpu.share()),
      gauge("nv_cpu_memory_total_bytes", "The machine's memory, in bytes", total),
      gauge("nv_cpu_memory_used_bytes", "The machine's memory in use, in bytes", total - freemem()),
    ]);
  }
}

function perModel({ value, ...family }: Family, models: readonly Model[]): WrittenFamily {
  return { ...family, values: models.map((model) => ({ labels: labels(model), value: value(model) })) };
}

function failures(models: readonly Model[]): WrittenFamily {
  return {
    name: "nv_inference_request_failure",
    type: "counter",
    help: "Inference requests that were not answered, by the reason",
    values: models.flatMap(({ spec: { name, version }, statistics }) =>
      REASONS.map((reason) => ({
        labels: { model: name, reason, version },
        value: statistics.failures[reason],
      })),
    ),
  };
}

function histogram(
  family: { readonly name: string; readonly help: string },
  models: readonly Model[],
  of: keyof Latency,
): WrittenFamily {
  return {
    ...family,
    type: "histogram",
    values: models.flatMap((model) => {
      const { buckets, sum } = model.statistics.latency[of];
      const own = labels(model);
      return [
        ...buckets.map(({ bound, count }) => ({
          suffix: "_bucket",
          labels: { ...own, le: Number.isFinite(bound) ? String(bound) : "+Inf" },
          value: count,
        })),
        { suffix: "_sum", labels: own, value: sum },
        { suffix: "_count", labels: own, value: buckets.at(-1)?.count ?? 0 },
      ];
    }),
  };
}

/** Of each compute thread. Triton has nothing of the kind. */
const PER_WORKER: readonly (readonly [
  name: string,
  type: "counter" | "gauge",
  help: string,
  of: (figures: ThreadFigures) => number,
])[] = [
  [
    "tasks_total",
    "counter",
    "Batches and requests of sequences that a compute thread answered",
    ({ tasks }) => tasks,
  ],
  [
    "busy_seconds_total",
    "counter",
    "Time that models ran in a compute thread, in seconds",
    ({ busyNs }) => busyNs / 1e9,
  ],
  [
    "pending_tasks",
    "gauge",
    "Tasks that a compute thread has and has not answered",
    ({ pending }) => pending,
  ],
  ["restarts_total", "counter", "How often a compute thread was started again", ({ restarts }) => restarts],
];

function workers(threads: readonly ThreadFigures[]): readonly WrittenFamily[] {
  return PER_WORKER.map(([name, type, help, of]) => ({
    name: `strainflow_worker_${name}`,
    type,
    help,
    values: threads.map((figures) => ({ labels: { worker: figures.name }, value: of(figures) })),
  }));
}

function gauge(name: string, help: string, value: number): WrittenFamily {
  return { name, help, type: "gauge", values: [{ labels: {}, value }] };
}

function labels({ spec: { name, version } }: Model): Readonly<Record<string, string>> {
  return { model: name, version };
}

/** The share of processors in use between one look and the next. */
class CpuMeter {
  #busy = 0;
  #all = 0;
  #share = 0;

  share(): number {
    let busy = 0;
    let all = 0;
    for (const { times } of cpus()) {
      const used = times.user + times.nice + times.sys + times.irq;
      busy += used;
      all += used + times.idle;
    }
    // Two looks in the same tick have nothing between them.
    if (all > this.#all) this.#share = (busy - this.#busy) / (all - this.#all);
    this.#busy = busy;
    this.#all = all;
    return this.#share;
  }
}
