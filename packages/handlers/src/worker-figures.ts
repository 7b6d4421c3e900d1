import { Histogram, histogramSize, SECONDS, SIZES } from "./histogram.ts";
import type { BatchFigures } from "./pipeline.ts";

const STAGES = ["queue", "process_request", "run_inference", "process_response"] as const;
type Stage = (typeof STAGES)[number];

/** Items, items that failed, and bundles of requests that were taken. */
const COUNTERS = 3;

/**
 * What a worker counts, in shared memory: a scrape does not wait for a worker that computes, and what was counted
 * outlives it.
 */
export class WorkerFigures {
  readonly #counters: Float64Array;
  readonly batchSize: Histogram;
  readonly stages: ReadonlyMap<Stage, Histogram>;

  static allocate(): SharedArrayBuffer {
    const numbers = COUNTERS + histogramSize(SIZES) + STAGES.length * histogramSize(SECONDS);
    return new SharedArrayBuffer(numbers * Float64Array.BYTES_PER_ELEMENT);
  }

  constructor(memory: SharedArrayBuffer) {
    const numbers = new Float64Array(memory);
    let at = 0;
    const take = (size: number): Float64Array => {
      at += size;
      return numbers.subarray(at - size, at);
    };
    this.#counters = take(COUNTERS);
    this.batchSize = new Histogram(SIZES, take(histogramSize(SIZES)));
    this.stages = new Map(
      STAGES.map((stage) => [stage, new Histogram(SECONDS, take(histogramSize(SECONDS)))]),
    );
  }

  /** Items that went into batches. */
  get items(): number {
    return this.#counters[0]!;
  }

  /** Those of them that failed. */
  get failed(): number {
    return this.#counters[1]!;
  }

  /** How many bundles of requests the thread has begun with: what came after them when it died can go to another. */
  get bundles(): number {
    return this.#counters[2]!;
  }

  set bundles(count: number) {
    this.#counters[2] = count;
  }

  count(batch: BatchFigures): void {
    this.#counters[0]! += batch.size;
    this.#counters[1]! += batch.failed;
    this.batchSize.observe(batch.size);
    this.stages.get("queue")?.observe(batch.queueLength);
    this.stages.get("process_request")?.observe(batch.processRequestLength);
    this.stages.get("run_inference")?.observe(batch.runInferenceLength);
    this.stages.get("process_response")?.observe(batch.processResponseLength);
  }
}
