/** What happens to requests that wait; Triton's `queue_policy`. */
export interface QueuePolicy {
  /** After its timeout a request is refused, or waits behind all of its level that still have time. */
  readonly action: "reject" | "delay";
  /** How long a request may wait, in microseconds; 0: for ever. */
  readonly timeoutUs: number;
  /** A request may ask for a shorter time. Never for a longer one, nor for any where there is no default: so does Triton. */
  readonly override: boolean;
  /** Requests that may wait; 0: any number. */
  readonly maxSize: number;
}

/** Nothing is refused and nothing is late. */
export const PATIENT: QueuePolicy = { action: "reject", timeoutUs: 0, override: false, maxSize: 0 };

interface Waiting<T> {
  readonly item: T;
  /** When it is late; Infinity: never. */
  readonly dueNs: number;
}

/** One level's requests: those that have time in order of arrival, then the late ones in the order in which they became late. */
export class PolicyQueue<T> {
  readonly #policy: QueuePolicy;
  #fresh: Waiting<T>[] = [];
  #late: T[] = [];
  /** No request that has time is late before this. */
  #soonestNs = Number.POSITIVE_INFINITY;

  constructor(policy: QueuePolicy) {
    this.#policy = policy;
  }

  get size(): number {
    return this.#fresh.length + this.#late.length;
  }

  /** When a request is to be refused that waits now. */
  get refusesAtNs(): number {
    return this.#policy.action === "reject" ? this.#soonestNs : Number.POSITIVE_INFINITY;
  }

  /** Takes a request, unless the queue is full. `timeoutUs`: what the request asks for; 0 is nothing. */
  push(item: T, timeoutUs: number, nowNs: number): boolean {
    const { timeoutUs: usual, override, maxSize } = this.#policy;
    if (maxSize > 0 && this.size >= maxSize) return false;
    const us = override && timeoutUs > 0 ? Math.min(timeoutUs, usual) : usual;
    const dueNs = us > 0 ? nowNs + us * 1000 : Number.POSITIVE_INFINITY;
    this.#fresh.push({ item, dueNs });
    this.#soonestNs = Math.min(this.#soonestNs, dueNs);
    return true;
  }

  /** Sorts out what is late by now; those that are refused come back. */
  expire(nowNs: number): readonly T[] {
    if (nowNs < this.#soonestNs) return [];
    const late: T[] = [];
    const fresh: Waiting<T>[] = [];
    let soonestNs = Number.POSITIVE_INFINITY;
    for (const waiting of this.#fresh) {
      if (waiting.dueNs <= nowNs) late.push(waiting.item);
      else {
        fresh.push(waiting);
        soonestNs = Math.min(soonestNs, waiting.dueNs);
      }
    }
    this.#fresh = fresh;
    this.#soonestNs = soonestNs;
    if (this.#policy.action === "reject") return late;
    this.#late.push(...late);
    return [];
  }

  *items(): Generator<T> {
    for (const { item } of this.#fresh) yield item;
    yield* this.#late;
  }

  /** The first `count`, out of the queue; fewer where there are fewer. */
  take(count: number): readonly T[] {
    const fresh = this.#fresh.splice(0, count).map(({ item }) => item);
    if (this.#fresh.length === 0) this.#soonestNs = Number.POSITIVE_INFINITY;
    return fresh.length === count ? fresh : [...fresh, ...this.#late.splice(0, count - fresh.length)];
  }

  remove(item: T): boolean {
    const at = this.#fresh.findIndex((waiting) => waiting.item === item);
    if (at >= 0) {
      this.#fresh.splice(at, 1);
      return true;
    }
    const late = this.#late.indexOf(item);
    if (late >= 0) this.#late.splice(late, 1);
    return late >= 0;
  }
}
