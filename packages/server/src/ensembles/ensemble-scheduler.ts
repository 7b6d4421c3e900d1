import type { Model } from "../models/model.ts";
import { asRefusal, Refusal } from "../refusal.ts";
import { nowNs } from "../scheduling/monotonic.ts";
import type { RequestUrgency, Scheduler, SequencePlace, Ticket } from "../scheduling/scheduler.ts";
import { sequenceKey } from "../sequences/sequence-homes.ts";
import { ensembleTiming, type Statistics } from "../watching/statistics.ts";
import { Passage } from "./ensemble-passage.ts";
import { type EnsemblePlan, type EnsembleStep, THE_REQUEST } from "./ensemble-plan.ts";
import { OneByOne } from "./one-by-one.ts";
import { StepLimit } from "./step-limit.ts";

export interface EnsembleOptions {
  readonly name: string;
  readonly plan: EnsemblePlan;
  readonly batched: boolean;
  readonly statistics: Statistics;
  /** Requests that each of its stateless steps has at a time; 0: any number. */
  readonly maxInFlight: number;
}

/**
 * Runs models one after the other as their tensors come. A request takes its place with all its steps on arrival:
 * so stateful steps see a sequence in order, however the stateless ones between them overtake each other. Behind a
 * decoupled step there is no telling how many places a request needs: there a sequence's requests go one by one.
 */
export class EnsembleScheduler implements Scheduler {
  readonly #options: EnsembleOptions;
  /** Those of its models that hold sequences. */
  readonly #stateful: readonly Model[];
  /** Keys of sequences that began here. Those that end unseen, by silence, are swept out as the set grows. */
  readonly #begun = new Set<string>();
  #sweepAt = 64;
  /** Those of stateless steps: a sequence's request may wait for a later one, which must not wait for it. */
  readonly #limits = new Map<EnsembleStep, StepLimit>();
  #running = 0;
  /** Of sequences, where a stateful step stands behind a decoupled one. */
  readonly #oneByOne: OneByOne | undefined;

  constructor(options: EnsembleOptions) {
    this.#options = options;
    const { plan, maxInFlight } = options;
    if (maxInFlight > 0)
      for (const step of plan.steps)
        if (!step.model.stateful) this.#limits.set(step, new StepLimit(maxInFlight));
    this.#stateful = options.plan.steps.map(({ model }) => model).filter(({ stateful }) => stateful);
    if (plan.steps.some(({ of, model }) => of !== THE_REQUEST && model.stateful))
      this.#oneByOne = new OneByOne();
  }

  get idle(): boolean {
    return this.#running === 0;
  }

  /** Its requests wait in the queues of its models. */
  get waiting(): number {
    return 0;
  }

  holds(key: string): boolean {
    if (!this.#begun.has(key)) return false;
    return this.#oneByOne?.has(key) === true || this.#stateful.some(({ scheduler }) => scheduler.holds(key));
  }

  get vacant(): boolean {
    this.#sweep();
    return this.idle && this.#begun.size === 0;
  }

  #sweep(): void {
    for (const key of this.#begun) if (!this.holds(key)) this.#begun.delete(key);
    this.#sweepAt = Math.max(64, 2 * this.#begun.size);
  }

  /** Its models have taken the request, or a sequence that comes from elsewhere. */
  note({ id, start, end }: SequencePlace): void {
    if (end) this.#begun.delete(sequenceKey(id));
    else if (start) this.#begun.add(sequenceKey(id));
    if (this.#begun.size > this.#sweepAt) this.#sweep();
  }

  admit(place: SequencePlace | undefined, urgency?: RequestUrgency): Ticket {
    const { name, plan, statistics } = this.#options;
    const tickets = new Map<EnsembleStep, Ticket>();
    try {
      for (const step of plan.steps)
        if (step.of === THE_REQUEST) tickets.set(step, step.model.scheduler.admit(place, urgency));
    } catch (error) {
      for (const ticket of tickets.values()) ticket.abandon();
      throw asRefusal(error).inEnsemble(name);
    }
    if (place !== undefined && this.#stateful.length > 0) this.note(place);
    let passage: Passage | undefined;
    const turn =
      place === undefined || this.#oneByOne === undefined
        ? undefined
        : this.#oneByOne.take(sequenceKey(place.id));
    return {
      run: (inputs, wanted, done, more) => {
        const queuedNs = nowNs();
        const size = this.#options.batched ? (inputs.values().next().value?.shape[0] ?? 1) : 1;
        this.#running += 1;
        const own = new Passage({
          way: { name, plan, limits: this.#limits },
          tickets,
          admit: (step) => step.model.scheduler.admit(place, urgency),
          wanted,
          more,
          done: (outcome, steps) => {
            this.#running -= 1;
            turn?.leave();
            const endNs = nowNs();
            const sums = ensembleTiming(
              queuedNs,
              steps.map(({ timing }) => timing),
            );
            if (outcome instanceof Refusal)
              statistics.failed(endNs - queuedNs, outcome.code === "CANCELLED" ? "CANCELED" : "OTHER");
            else {
              statistics.executed(size, sums);
              statistics.succeeded(sums, endNs - queuedNs);
            }
            done(outcome, { ...sums, endNs, steps });
          },
        });
        passage = own;
        if (turn === undefined) own.begin(inputs);
        else turn.whenFirst(() => own.begin(inputs));
      },
      abandon: () => {
        if (passage !== undefined) passage.abandon();
        else {
          turn?.leave();
          for (const ticket of tickets.values()) ticket.abandon();
        }
      },
    };
  }
}
