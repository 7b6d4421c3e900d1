import type { RateTurn } from "../scheduling/rate-limiter.ts";
import type { ComputeThread } from "./compute-thread.ts";

/** Runs tasks in order. */
export type TaskRunner = Pick<ComputeThread, "alive" | "pending" | "run">;

/** One instance of a model. */
export interface Instance {
  readonly thread: TaskRunner;
  /** Where instances run by turns. */
  readonly turn: RateTurn | undefined;
  running: number;
  /** It waits for its turn. */
  staged: boolean;
}

export interface InstancesOptions {
  /** One per instance; the same thread may appear more than once. */
  readonly threads: readonly TaskRunner[];
  /** Runs that an instance is given at a time. */
  readonly depth: number;
  /** One per instance where there is a rate limiter. */
  readonly turns?: readonly RateTurn[] | undefined;
}

/** A model's instances, as those who hand out work see them. */
export class Instances {
  readonly #all: readonly Instance[];
  readonly #depth: number;

  constructor({ threads, depth, turns }: InstancesOptions) {
    this.#all = threads.map((thread, at) => ({ thread, turn: turns?.[at], running: 0, staged: false }));
    this.#depth = depth;
  }

  get idle(): boolean {
    return this.#all.every(({ running }) => running === 0);
  }

  /** How many wait for their turn. */
  get staged(): number {
    return this.#all.reduce((count, { staged }) => count + (staged ? 1 : 0), 0);
  }

  /** The least loaded instance that can take a run; other models' work on its thread counts too. */
  freest(): Instance | undefined {
    let best: Instance | undefined;
    for (const instance of this.#all) {
      if (instance.running >= this.#depth || instance.staged) continue;
      const better =
        best === undefined || instance.thread.alive !== best.thread.alive
          ? best === undefined || instance.thread.alive
          : instance.thread.pending < best.thread.pending;
      if (better) best = instance;
    }
    return best;
  }
}
