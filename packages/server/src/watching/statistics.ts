import { create } from "@bufbuild/protobuf";
import { type ModelStatistics, ModelStatisticsSchema } from "@strainflow/proto";
import type { Timing } from "../scheduling/scheduler.ts";
import { LatencyHistogram } from "./latency-histogram.ts";

/** A number of durations and their sum. */
interface Durations {
  readonly count: number;
  readonly ns: number;
}

class Sum implements Durations {
  count = 0;
  ns = 0;

  add(ns: number): void {
    this.count += 1;
    this.ns += ns;
  }

  toMessage(): { count: bigint; ns: bigint } {
    return { count: BigInt(this.count), ns: BigInt(Math.round(this.ns)) };
  }
}

/** The stations of a run. */
class Compute {
  readonly input: Sum = new Sum();
  readonly infer: Sum = new Sum();
  readonly output: Sum = new Sum();

  add({ beganNs, runNs, ranNs, endNs }: Omit<Timing, "queuedNs">): void {
    this.input.add(runNs - beganNs);
    this.infer.add(ranNs - runNs);
    this.output.add(endNs - ranNs);
  }

  toMessage(): Record<"computeInput" | "computeInfer" | "computeOutput", { count: bigint; ns: bigint }> {
    return {
      computeInput: this.input.toMessage(),
      computeInfer: this.infer.toMessage(),
      computeOutput: this.output.toMessage(),
    };
  }
}

/** How requests' times are distributed. */
export type Latency = Readonly<Record<"request" | "queue" | "infer", LatencyHistogram>>;

/** Triton's words for why a request failed. */
export type FailureReason = "CANCELED" | "REJECTED" | "BACKEND" | "OTHER";

/** Counts of one version of a model, in Triton's terms: durations are sums over requests. */
export class Statistics {
  readonly success: Sum = new Sum();
  readonly fail: Sum = new Sum();
  readonly queue: Sum = new Sum();
  readonly compute: Compute = new Compute();
  /** Answers out of the cache, and the time that finding them took. */
  readonly cacheHit: Sum = new Sum();
  /** Requests that were looked for in the cache in vain, and the time of looking and of putting their answers in. */
  readonly cacheMiss: Sum = new Sum();
  readonly failures: Record<FailureReason, number> = { CANCELED: 0, REJECTED: 0, BACKEND: 0, OTHER: 0 };
  readonly latency: Latency = {
    request: new LatencyHistogram(),
    queue: new LatencyHistogram(),
    infer: new LatencyHistogram(),
  };
  /** By the number of batch elements of a run. */
  readonly #batches = new Map<number, Compute>();
  #inferences = 0;
  #executions = 0;
  #lastMs = 0;

  /** Batch elements that ran. */
  get inferences(): number {
    return this.#inferences;
  }

  /** Runs of the model. */
  get executions(): number {
    return this.#executions;
  }

  /** One run of the model, of `size` batch elements. */
  executed(size: number, timing: Omit<Timing, "queuedNs">): void {
    this.#executions += 1;
    this.#inferences += size;
    let batch = this.#batches.get(size);
    if (batch === undefined) {
      batch = new Compute();
      this.#batches.set(size, batch);
    }
    batch.add(timing);
  }

  /** One request that was answered. `totalNs`: where it is not the sum of its times. */
  succeeded(timing: Timing, totalNs: number = timing.endNs - timing.queuedNs): void {
    const queueNs = timing.beganNs - timing.queuedNs;
    this.success.add(totalNs);
    this.queue.add(queueNs);
    this.compute.add(timing);
    this.latency.request.observe(totalNs / 1e9);
    this.latency.queue.observe(queueNs / 1e9);
    this.latency.infer.observe((timing.ranNs - timing.runNs) / 1e9);
    this.#lastMs = Date.now();
  }

  /** One request that was answered out of the cache. */
  cached(lookupNs: number): void {
    this.cacheHit.add(lookupNs);
    this.success.add(lookupNs);
    this.queue.add(0);
    this.latency.request.observe(lookupNs / 1e9);
    this.#lastMs = Date.now();
  }

  failed(totalNs: number, reason: FailureReason): void {
    this.fail.add(totalNs);
    this.failures[reason] += 1;
  }

  toMessage(name: string, version: string): ModelStatistics {
    return create(ModelStatisticsSchema, {
      name,
      version,
      lastInference: BigInt(this.#lastMs),
      inferenceCount: BigInt(this.#inferences),
      executionCount: BigInt(this.#executions),
      inferenceStats: {
        success: this.success.toMessage(),
        fail: this.fail.toMessage(),
        queue: this.queue.toMessage(),
        ...this.compute.toMessage(),
        cacheHit: this.cacheHit.toMessage(),
        cacheMiss: this.cacheMiss.toMessage(),
      },
      batchStats: [...this.#batches]
        .sort(([a], [b]) => a - b)
        .map(([size, compute]) => ({ batchSize: BigInt(size), ...compute.toMessage() })),
    });
  }
}

/** An ensemble runs nothing itself: its times are its steps' sums, laid end to end from when it was asked. */
export function ensembleTiming(queuedNs: number, steps: readonly Timing[]): Timing {
  const sum = (of: (step: Timing) => number): number => steps.reduce((total, step) => total + of(step), 0);
  const beganNs = queuedNs + sum((step) => step.beganNs - step.queuedNs);
  const runNs = beganNs + sum((step) => step.runNs - step.beganNs);
  const ranNs = runNs + sum((step) => step.ranNs - step.runNs);
  return { queuedNs, beganNs, runNs, ranNs, endNs: ranNs + sum((step) => step.endNs - step.ranNs) };
}
