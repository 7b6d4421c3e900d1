/** What one instance of a model takes of the machine while it runs; Triton's `rate_limiter`. */
export interface RateShare {
  /** How much of each resource. */
  readonly resources: ReadonlyMap<string, number>;
  /** 2 gets half the turns of 1 where they compete. */
  readonly priority: number;
}

/** An instance's place at the limiter. */
export interface RateTurn {
  /** It has something to run: `grant` is called once, maybe at once, when its resources are taken for it. */
  ask(grant: () => void): void;
  /** It has run; its resources are free again. */
  release(): void;
  /** It goes with its model. */
  leave(): void;
}

interface Instance {
  readonly share: RateShare;
  turns: number;
  grant: (() => void) | undefined;
}

/**
 * Instances of all models share named resources. Of those that ask, the one with the fewest turns for its priority is
 * next; the others wait behind it even where they would fit, so that nobody who needs much waits for ever.
 */
export class RateLimiter {
  readonly #fixed: ReadonlyMap<string, number>;
  readonly #taken = new Map<string, number>();
  readonly #instances = new Set<Instance>();
  /** In order of asking. */
  #asking: Instance[] = [];

  /** `resources`: how much there is; of others as much as the instance takes that takes most. */
  constructor(resources: ReadonlyMap<string, number>) {
    this.#fixed = resources;
  }

  /** Why an instance could never run; `undefined` if it can. */
  obstacle({ resources }: RateShare): string | undefined {
    for (const [name, count] of resources) {
      const there = this.#fixed.get(name);
      if (there !== undefined && there < count)
        return `Resource count for "${name}" is limited to ${there} which will prevent scheduling of one or more model instances, the minimum required count is ${count}`;
    }
    return undefined;
  }

  enter(share: RateShare): RateTurn {
    // As if it had run as often as who ran least: a new model does not keep the others out until it has caught up.
    const least = Math.min(...[...this.#instances].map(weight));
    const turns = Number.isFinite(least) ? least / share.priority : 0;
    const instance: Instance = { share, turns, grant: undefined };
    this.#instances.add(instance);
    return {
      ask: (grant) => {
        instance.grant = grant;
        this.#asking.push(instance);
        this.#serve();
      },
      release: () => {
        this.#take(instance, -1);
        this.#serve();
      },
      leave: () => {
        this.#instances.delete(instance);
        this.#asking = this.#asking.filter((other) => other !== instance);
        this.#serve();
      },
    };
  }

  #serve(): void {
    for (;;) {
      let next = this.#asking[0];
      for (const instance of this.#asking)
        if (next === undefined || weight(instance) < weight(next)) next = instance;
      if (next === undefined || !this.#fits(next)) return;
      const { grant } = next;
      this.#asking = this.#asking.filter((other) => other !== next);
      next.grant = undefined;
      next.turns += 1;
      this.#take(next, 1);
      grant?.();
    }
  }

  #fits({ share }: Instance): boolean {
    for (const [name, count] of share.resources)
      if ((this.#taken.get(name) ?? 0) + count > this.#total(name)) return false;
    return true;
  }

  #take({ share }: Instance, sign: 1 | -1): void {
    for (const [name, count] of share.resources)
      this.#taken.set(name, (this.#taken.get(name) ?? 0) + sign * count);
  }

  #total(name: string): number {
    const fixed = this.#fixed.get(name);
    if (fixed !== undefined) return fixed;
    let most = 0;
    for (const { share } of this.#instances) most = Math.max(most, share.resources.get(name) ?? 0);
    return most;
  }
}

function weight({ turns, share }: Instance): number {
  return turns * share.priority;
}
