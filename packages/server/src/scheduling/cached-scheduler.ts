import { Refusal } from "../refusal.ts";
import type { Statistics } from "../watching/statistics.ts";
import { nowNs } from "./monotonic.ts";
import { cacheKey, type ResponseCache } from "./response-cache.ts";
import type { RequestUrgency, Scheduler, SequencePlace, Ticket } from "./scheduler.ts";

export interface CachedOptions {
  readonly cache: ResponseCache;
  /** A number that no other model ever has. */
  readonly model: number;
  readonly statistics: Statistics;
  /** Runs what is not in the cache. */
  readonly scheduler: Scheduler;
}

/** Answers from a cache before anything waits in a queue; an answer from it overtakes those that wait. */
export class CachedScheduler implements Scheduler {
  readonly #options: CachedOptions;

  constructor(options: CachedOptions) {
    this.#options = options;
  }

  get idle(): boolean {
    return this.#options.scheduler.idle;
  }

  get waiting(): number {
    return this.#options.scheduler.waiting;
  }

  holds(key: string): boolean {
    return this.#options.scheduler.holds(key);
  }

  get vacant(): boolean {
    return this.#options.scheduler.vacant;
  }

  admit(place: SequencePlace | undefined, urgency?: RequestUrgency): Ticket {
    const { cache, model, statistics, scheduler } = this.#options;
    const ticket = scheduler.admit(place, urgency);
    return {
      run: (inputs, wanted, done) => {
        const askedNs = nowNs();
        const key = cacheKey(model, inputs, wanted);
        const found = cache.find(key);
        const lookedNs = nowNs();
        if (found !== undefined) {
          ticket.abandon();
          statistics.cached(lookedNs - askedNs);
          queueMicrotask(() => done(found));
          return;
        }
        ticket.run(inputs, wanted, (outcome, timing) => {
          let keptNs = 0;
          if (!(outcome instanceof Refusal)) {
            const fromNs = nowNs();
            cache.keep(key, outcome);
            keptNs = nowNs() - fromNs;
          }
          statistics.cacheMiss.add(lookedNs - askedNs + keptNs);
          done(outcome, timing);
        });
      },
      abandon: () => ticket.abandon(),
    };
  }
}
