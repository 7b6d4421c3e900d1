import { PolicyQueue, type QueuePolicy } from "./queue-policy.ts";

export interface Levels {
  /** One for each level, the most urgent first. */
  readonly policies: readonly QueuePolicy[];
  /** Counted from 1: where a request goes that names no level, or one that is not there. */
  readonly usual: number;
}

/** How urgent a request says it is; 0 is nothing said. */
export interface Urgency {
  /** 1 is the most urgent. */
  readonly priority: number;
  /** How long it may wait, in microseconds. */
  readonly timeoutUs: number;
}

/** Requests by level: a level is looked at when those above it are empty. */
export class PriorityQueue<T> {
  readonly #levels: readonly PolicyQueue<T>[];
  readonly #usual: number;
  #size = 0;

  constructor({ policies, usual }: Levels) {
    this.#levels = policies.map((policy) => new PolicyQueue<T>(policy));
    this.#usual = usual;
  }

  get size(): number {
    return this.#size;
  }

  /** When the next request is to be refused because it waited too long. */
  get refusesAtNs(): number {
    let at = Number.POSITIVE_INFINITY;
    for (const level of this.#levels) at = Math.min(at, level.refusesAtNs);
    return at;
  }

  /** Takes a request, unless its level is full. */
  push(item: T, { priority, timeoutUs }: Urgency, nowNs: number): boolean {
    const level = this.#levels[priority - 1] ?? this.#levels[this.#usual - 1];
    const taken = level?.push(item, timeoutUs, nowNs) ?? false;
    if (taken) this.#size += 1;
    return taken;
  }

  /** Those that are refused because they waited too long. */
  expire(nowNs: number): readonly T[] {
    let refused: readonly T[] = [];
    for (const level of this.#levels) {
      const late = level.expire(nowNs);
      if (late.length > 0) refused = refused.length === 0 ? late : [...refused, ...late];
    }
    this.#size -= refused.length;
    return refused;
  }

  *items(): Generator<T> {
    for (const level of this.#levels) yield* level.items();
  }

  take(count: number): readonly T[] {
    const taken: T[] = [];
    for (const level of this.#levels) {
      if (taken.length === count) break;
      if (level.size > 0) taken.push(...level.take(count - taken.length));
    }
    this.#size -= taken.length;
    return taken;
  }

  remove(item: T): boolean {
    const found = this.#levels.some((level) => level.remove(item));
    if (found) this.#size -= 1;
    return found;
  }
}
