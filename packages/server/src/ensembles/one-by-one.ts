export interface TurnByKey {
  /** Calls it when all that took a turn of this key before have left; maybe at once. */
  whenFirst(start: () => void): void;
  leave(): void;
}

interface Waiting {
  start: (() => void) | undefined;
}

/** Lets through one at a time of each key, in the order in which they took their turns. */
export class OneByOne {
  readonly #queues = new Map<string, Waiting[]>();

  /** Whether any is there of this key. */
  has(key: string): boolean {
    return this.#queues.has(key);
  }

  take(key: string): TurnByKey {
    const turn: Waiting = { start: undefined };
    const queue = this.#queues.get(key) ?? [];
    this.#queues.set(key, queue);
    queue.push(turn);
    return {
      whenFirst: (start) => {
        if (queue[0] === turn) start();
        else turn.start = start;
      },
      leave: () => {
        const at = queue.indexOf(turn);
        if (at < 0) return;
        queue.splice(at, 1);
        if (queue.length === 0) this.#queues.delete(key);
        else if (at === 0) queue[0]?.start?.();
      },
    };
  }
}
