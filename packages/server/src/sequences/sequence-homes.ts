import type { ComputeThread } from "../backends/compute-thread.ts";

/** A sequence's key: ids of different kinds never meet. */
export function sequenceKey(id: bigint | string): string {
  return typeof id === "string" ? `s${id}` : `i${id}`;
}

/**
 * Which compute thread holds a sequence's states. All models of one id share a thread, so that a chain of stateful
 * steps can run in one go; a new id goes to the thread with the fewest.
 */
export class SequenceHomes {
  readonly threads: readonly ComputeThread[];
  readonly #homes = new Map<string, { readonly thread: ComputeThread; users: number }>();

  constructor(threads: readonly ComputeThread[]) {
    this.threads = threads;
  }

  enter(key: string): ComputeThread {
    const known = this.#homes.get(key);
    if (known !== undefined) {
      known.users += 1;
      return known.thread;
    }
    const thread = this.#emptiest();
    this.#homes.set(key, { thread, users: 1 });
    return thread;
  }

  leave(key: string): void {
    const home = this.#homes.get(key);
    if (home === undefined) return;
    home.users -= 1;
    if (home.users === 0) this.#homes.delete(key);
  }

  #emptiest(): ComputeThread {
    const counts = new Map(this.threads.map((thread) => [thread, 0]));
    for (const { thread } of this.#homes.values()) counts.set(thread, (counts.get(thread) ?? 0) + 1);
    let best: ComputeThread | undefined;
    const alive = this.threads.filter((thread) => thread.alive);
    for (const thread of alive.length > 0 ? alive : this.threads)
      if (best === undefined || (counts.get(thread) ?? 0) < (counts.get(best) ?? 0)) best = thread;
    if (best === undefined) throw new Error("there is no thread for sequences");
    return best;
  }
}
