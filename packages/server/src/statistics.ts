import { create } from "@bufbuild/protobuf";
import { type ModelStatistics, ModelStatisticsSchema } from "@strainflow/proto";
import type { RawTensors } from "./raw-tensor.ts";

interface Duration {
  count: number;
  ns: number;
}

/** Counts of one version of a model, in Triton's terms: durations are sums over requests. */
export class Statistics {
  readonly #success: Duration = { count: 0, ns: 0 };
  readonly #fail: Duration = { count: 0, ns: 0 };
  readonly #queue: Duration = { count: 0, ns: 0 };
  readonly #infer: Duration = { count: 0, ns: 0 };
  #inferences = 0;
  #executions = 0;
  #lastMs = 0;

  /** One run of the model that answered `requests` requests of `inferences` batch elements together. */
  executed(run: { requests: number; inferences: number; inferNs: number }): void {
    this.#executions += 1;
    this.#inferences += run.inferences;
    this.#infer.count += run.requests;
    this.#infer.ns += run.inferNs * run.requests;
    this.#lastMs = Date.now();
  }

  succeeded(times: { queueNs: number; totalNs: number }): void {
    add(this.#success, times.totalNs);
    add(this.#queue, times.queueNs);
  }

  failed(totalNs: number): void {
    add(this.#fail, totalNs);
  }

  /** For ensembles, which run nothing themselves. */
  inferred(inferences: number): void {
    this.#inferences += inferences;
    this.#executions += 1;
    this.#lastMs = Date.now();
  }

  toMessage(name: string, version: string): ModelStatistics {
    const none = { count: 0n, ns: 0n };
    return create(ModelStatisticsSchema, {
      name,
      version,
      lastInference: BigInt(this.#lastMs),
      inferenceCount: BigInt(this.#inferences),
      executionCount: BigInt(this.#executions),
      inferenceStats: {
        success: whole(this.#success),
        fail: whole(this.#fail),
        queue: whole(this.#queue),
        computeInput: { ...none, count: BigInt(this.#infer.count) },
        computeInfer: whole(this.#infer),
        computeOutput: { ...none, count: BigInt(this.#infer.count) },
        cacheHit: none,
        cacheMiss: none,
      },
    });
  }
}

function add(duration: Duration, ns: number): void {
  duration.count += 1;
  duration.ns += ns;
}

function whole({ count, ns }: Duration): { count: bigint; ns: bigint } {
  return { count: BigInt(count), ns: BigInt(Math.round(ns)) };
}

/** Nanoseconds on a clock that only goes forward. */
export function nowNs(): number {
  return performance.now() * 1e6;
}

/** What an ensemble counts of itself: its steps count their own. */
export function countEnsemble(
  statistics: Statistics,
  inputs: RawTensors,
  batched: boolean,
): (failed: boolean) => void {
  const startNs = nowNs();
  const size = batched ? (inputs.values().next().value?.shape[0] ?? 1) : 1;
  return (failed) => {
    const totalNs = nowNs() - startNs;
    if (failed) statistics.failed(totalNs);
    else {
      statistics.inferred(size);
      statistics.succeeded({ queueNs: 0, totalNs });
    }
  };
}
