import { cpus, freemem, totalmem } from "node:os";
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
  readonly #cpu = new CpuMeter();

  constructor(registry: ModelRegistry) {
    this.#registry = registry;
  }

  text(): string {
    const models = this.#registry.all();
    const lines: string[] = [];
    for (const { name, help, type, value } of PER_MODEL) {
      lines.push(...head(name, help, type));
      for (const model of models) lines.push(`${name}{${labels(model)}} ${value(model)}`);
      if (name === "nv_inference_request_success") lines.push(...failures(models));
    }
    const cached = models.filter(({ spec }) => spec.config.responseCache?.enable === true);
    for (const { name, help, type, value } of cached.length === 0 ? [] : PER_CACHED_MODEL) {
      lines.push(...head(name, help, type));
      for (const model of cached) lines.push(`${name}{${labels(model)}} ${value(model)}`);
    }
    for (const { of, name, help } of HISTOGRAMS) {
      lines.push(...head(name, help, "histogram"));
      for (const model of models) lines.push(...histogram(name, model, of));
    }
    const total = totalmem();
    lines.push(
      ...single("nv_cpu_utilization", "Share of the machine's processors in use, 0 to 1", this.#cpu.share()),
    );
    lines.push(...single("nv_cpu_memory_total_bytes", "The machine's memory, in bytes", total));
    lines.push(
      ...single("nv_cpu_memory_used_bytes", "The machine's memory in use, in bytes", total - freemem()),
    );
    return `${lines.join("\n")}\n`;
  }
}

function failures(models: readonly Model[]): string[] {
  const name = "nv_inference_request_failure";
  return [
    ...head(name, "Inference requests that were not answered, by the reason", "counter"),
    ...models.flatMap((model) =>
      REASONS.map((reason) => {
        const { name: of, version } = model.spec;
        return `${name}{model="${escaped(of)}",reason="${reason}",version="${version}"} ${model.statistics.failures[reason]}`;
      }),
    ),
  ];
}

function histogram(name: string, model: Model, of: keyof Latency): string[] {
  const { buckets, sum } = model.statistics.latency[of];
  const own = labels(model);
  return [
    ...buckets.map(
      ({ bound, count }) => `${name}_bucket{${own},le="${Number.isFinite(bound) ? bound : "+Inf"}"} ${count}`,
    ),
    `${name}_sum{${own}} ${sum}`,
    `${name}_count{${own}} ${buckets.at(-1)?.count ?? 0}`,
  ];
}

function head(name: string, help: string, type: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}

function single(name: string, help: string, value: number): string[] {
  return [...head(name, help, "gauge"), `${name} ${value}`];
}

function labels({ spec }: Model): string {
  return `model="${escaped(spec.name)}",version="${spec.version}"`;
}

function escaped(text: string): string {
  return text.replace(/[\\"\n]/g, (character) => (character === "\n" ? "\\n" : `\\${character}`));
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
