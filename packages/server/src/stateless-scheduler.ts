import { joinBatch, splitBatch } from "./batch.ts";
import type { ComputeThread, TaskResult } from "./compute-thread.ts";
import { nowNs } from "./monotonic.ts";
import type { RawTensors } from "./raw-tensor.ts";
import { cancelled, Refusal } from "./refusal.ts";
import type { Done, Outcome, Scheduler, Ticket, Timing } from "./scheduler.ts";
import type { Statistics } from "./statistics.ts";
import { moveTensors, takeTensors } from "./task.ts";

/** How requests are put together; absent where each runs by itself. */
export interface Batching {
  /** Ascending; the largest one that the queue can fill is taken. */
  readonly preferred: readonly number[];
  readonly maxSize: number;
  /** How long a request waits for others, in milliseconds. */
  readonly delayMs: number;
}

export interface StatelessOptions {
  /** The model's number in its threads. */
  readonly model: number;
  /** One per instance; the same thread may appear more than once. */
  readonly threads: readonly ComputeThread[];
  readonly statistics: Statistics;
  readonly batched: boolean;
  readonly batching?: Batching;
}

interface Job {
  readonly inputs: RawTensors;
  readonly wanted: readonly string[];
  readonly size: number;
  /** Jobs of one key may share a batch. */
  readonly key: string;
  readonly queuedNs: number;
  readonly done: Done;
}

/**
 * A model without state: any instance takes any request, in the order of arrival; several go together where the
 * configuration asks for dynamic batching.
 */
export class StatelessScheduler implements Scheduler {
  readonly #options: StatelessOptions;
  readonly #instances: { readonly thread: ComputeThread; running: number }[];
  /** Without batching, an instance is handed its next request before it has answered the last. */
  readonly #depth: number;
  #queue: Job[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: StatelessOptions) {
    this.#options = options;
    this.#instances = options.threads.map((thread) => ({ thread, running: 0 }));
    this.#depth = options.batching === undefined ? 2 : 1;
  }

  get idle(): boolean {
    return this.#queue.length === 0 && this.#instances.every(({ running }) => running === 0);
  }

  get waiting(): number {
    return this.#queue.length;
  }

  holds(): boolean {
    return false;
  }

  get vacant(): boolean {
    return this.idle;
  }

  admit(): Ticket {
    let job: Job | undefined;
    return {
      run: (inputs, wanted, done) => {
        const { batched, batching } = this.#options;
        const size = batched ? (inputs.values().next().value?.shape[0] ?? 1) : 1;
        const key = batching === undefined ? "" : batchKey(inputs, wanted);
        job = { inputs, wanted, size, key, queuedNs: nowNs(), done };
        this.#queue.push(job);
        this.#pump();
      },
      abandon: () => {
        const at = job === undefined ? -1 : this.#queue.indexOf(job);
        if (at < 0 || job === undefined) return;
        const { done } = job;
        this.#queue.splice(at, 1);
        this.#options.statistics.failed(nowNs() - job.queuedNs, "CANCELED");
        queueMicrotask(() => done(cancelled()));
      },
    };
  }

  #pump(): void {
    while (this.#queue.length > 0) {
      const instance = this.#freest();
      if (instance === undefined) return;
      const count = this.#ripe();
      if (count === 0) return;
      const jobs = this.#queue.splice(0, count);
      instance.running += 1;
      this.#start(jobs, instance.thread, () => {
        instance.running -= 1;
        this.#pump();
      });
    }
  }

  /** The least loaded instance that can take a request; other models' work on its thread counts too. */
  #freest(): { readonly thread: ComputeThread; running: number } | undefined {
    let best: { readonly thread: ComputeThread; running: number } | undefined;
    for (const instance of this.#instances) {
      if (instance.running >= this.#depth) continue;
      const better =
        best === undefined || instance.thread.alive !== best.thread.alive
          ? best === undefined || instance.thread.alive
          : instance.thread.pending < best.thread.pending;
      if (better) best = instance;
    }
    return best;
  }

  /** How many of the first requests to run now; 0 to wait for more. */
  #ripe(): number {
    const { batching } = this.#options;
    const first = this.#queue[0];
    if (batching === undefined || first === undefined) return 1;
    const { preferred, maxSize, delayMs } = batching;
    let count = 0;
    let size = 0;
    let preferredCount = 0;
    let full = false;
    for (const job of this.#queue) {
      if (count > 0 && (job.key !== first.key || size + job.size > maxSize)) {
        full = true;
        break;
      }
      size += job.size;
      count += 1;
      if (preferred.includes(size)) preferredCount = count;
    }
    if (preferredCount > 0) return preferredCount;
    if (full || size >= maxSize) return count;
    const leftMs = delayMs - (nowNs() - first.queuedNs) / 1e6;
    if (leftMs <= 0) return count;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#pump();
    }, Math.ceil(leftMs));
    return 0;
  }

  #start(jobs: readonly Job[], thread: ComputeThread, freed: () => void): void {
    const { model, statistics } = this.#options;
    const first = jobs[0];
    if (first === undefined) return;
    const inputs = jobs.length === 1 ? first.inputs : joinBatch(jobs.map((job) => job.inputs));
    const step = { model, inputs: identity(inputs.keys()), outputs: identity(first.wanted) };
    thread.run([step], moveTensors(inputs), first.wanted, (result) => {
      freed();
      this.#finish(jobs, result, statistics);
    });
  }

  #finish(jobs: readonly Job[], result: TaskResult | Refusal, statistics: Statistics): void {
    let outcomes: readonly Outcome[];
    const endNs = nowNs();
    const timingOf = (job: Job): Timing | undefined =>
      result instanceof Refusal ? undefined : { queuedNs: job.queuedNs, ...result.marks, endNs };
    if (result instanceof Refusal) outcomes = jobs.map(() => result);
    else {
      const outputs = takeTensors(result.tensors);
      const sizes = jobs.map(({ size }) => size);
      outcomes = jobs.length === 1 ? [outputs] : splitBatch(outputs, sizes);
      const inferences = sizes.reduce((sum, size) => sum + size, 0);
      statistics.executed(inferences, { ...result.marks, endNs });
    }
    jobs.forEach((job, index) => {
      const outcome =
        outcomes[index] ?? new Refusal("INTERNAL", "a batch gave fewer outputs than it took inputs");
      const timing = timingOf(job);
      if (outcome instanceof Refusal || timing === undefined)
        statistics.failed(endNs - job.queuedNs, "BACKEND");
      else statistics.succeeded(timing);
      job.done(outcome, timing);
    });
  }
}

function identity(names: Iterable<string>): Record<string, string> {
  const map: Record<string, string> = {};
  for (const name of names) map[name] = name;
  return map;
}

function batchKey(inputs: RawTensors, wanted: readonly string[]): string {
  const parts = [...inputs].map(([name, { shape }]) => `${name}:${shape.slice(1).join(",")}`);
  return `${parts.sort().join(";")}>${[...wanted].sort().join(",")}`;
}
