import type { EnsemblePlan, EnsembleStep } from "./ensemble-plan.ts";
import type { Model } from "./model.ts";
import { nowNs } from "./monotonic.ts";
import type { RawTensor, RawTensors } from "./raw-tensor.ts";
import { asRefusal, Refusal } from "./refusal.ts";
import type { Outcome, RequestUrgency, Scheduler, SequencePlace, StepTiming, Ticket } from "./scheduler.ts";
import { sequenceKey } from "./sequence-homes.ts";
import { ensembleTiming, type Statistics } from "./statistics.ts";

export interface EnsembleOptions {
  readonly name: string;
  readonly plan: EnsemblePlan;
  readonly batched: boolean;
  readonly statistics: Statistics;
}

/**
 * Runs models one after the other as their tensors come. A request takes its place with all its steps on arrival:
 * so stateful steps see a sequence in order, however the stateless ones between them overtake each other.
 */
export class EnsembleScheduler implements Scheduler {
  readonly #options: EnsembleOptions;
  /** Those of its models that hold sequences. */
  readonly #stateful: readonly Model[];
  /** Keys of sequences that began here. Those that end unseen, by silence, are swept out as the set grows. */
  readonly #begun = new Set<string>();
  #sweepAt = 64;
  #running = 0;

  constructor(options: EnsembleOptions) {
    this.#options = options;
    this.#stateful = options.plan.steps.map(({ model }) => model).filter(({ stateful }) => stateful);
  }

  get idle(): boolean {
    return this.#running === 0;
  }

  /** Its requests wait in the queues of its models. */
  get waiting(): number {
    return 0;
  }

  holds(key: string): boolean {
    return this.#begun.has(key) && this.#stateful.some(({ scheduler }) => scheduler.holds(key));
  }

  get vacant(): boolean {
    this.#sweep();
    return this.idle && this.#begun.size === 0;
  }

  #sweep(): void {
    for (const key of this.#begun) if (!this.holds(key)) this.#begun.delete(key);
    this.#sweepAt = Math.max(64, 2 * this.#begun.size);
  }

  /** Once its models have taken the request. */
  #note({ id, start, end }: SequencePlace): void {
    if (end) this.#begun.delete(sequenceKey(id));
    else if (start) this.#begun.add(sequenceKey(id));
    if (this.#begun.size > this.#sweepAt) this.#sweep();
  }

  admit(place: SequencePlace | undefined, urgency?: RequestUrgency): Ticket {
    const { name, plan, statistics } = this.#options;
    const tickets: Ticket[] = [];
    try {
      for (const { model } of plan.steps) tickets.push(model.scheduler.admit(place, urgency));
    } catch (error) {
      for (const ticket of tickets) ticket.abandon();
      throw asRefusal(error).inEnsemble(name);
    }
    if (place !== undefined && this.#stateful.length > 0) this.#note(place);
    let passage: Passage | undefined;
    return {
      run: (inputs, wanted, done) => {
        const queuedNs = nowNs();
        const size = this.#options.batched ? (inputs.values().next().value?.shape[0] ?? 1) : 1;
        this.#running += 1;
        passage = new Passage(name, plan, tickets, wanted, (outcome, steps) => {
          this.#running -= 1;
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
        });
        passage.begin(inputs);
      },
      abandon: () => {
        if (passage !== undefined) passage.abandon();
        else for (const ticket of tickets) ticket.abandon();
      },
    };
  }
}

interface Turn {
  readonly step: EnsembleStep;
  readonly ticket: Ticket;
}

type PassageDone = (outcome: Outcome, steps: readonly StepTiming[]) => void;

/** One request on its way through the steps. */
class Passage {
  readonly #name: string;
  readonly #plan: EnsemblePlan;
  readonly #wanted: readonly string[];
  readonly #done: PassageDone;
  readonly #timings: StepTiming[] = [];
  readonly #tensors = new Map<string, RawTensor>();
  #waiting: readonly Turn[];
  readonly #started: Ticket[] = [];
  #underWay = 0;
  #failure: Refusal | undefined;

  constructor(
    name: string,
    plan: EnsemblePlan,
    tickets: readonly Ticket[],
    wanted: readonly string[],
    done: PassageDone,
  ) {
    this.#name = name;
    this.#plan = plan;
    this.#wanted = wanted;
    this.#done = done;
    this.#waiting = plan.steps.flatMap((step, index) => {
      const ticket = tickets[index];
      return ticket === undefined ? [] : [{ step, ticket }];
    });
  }

  begin(inputs: RawTensors): void {
    this.#put(inputs);
    this.#advance();
  }

  /** Steps that wait in a queue come back refused, and the rest never starts. */
  abandon(): void {
    for (const ticket of this.#started) ticket.abandon();
  }

  #put(tensors: RawTensors): void {
    for (const [name, tensor] of tensors) {
      const alone = (this.#plan.readers.get(name) ?? 0) <= 1;
      this.#tensors.set(name, alone || !tensor.movable ? tensor : { ...tensor, movable: false });
    }
  }

  #advance(): void {
    const left: Turn[] = [];
    const ready: Turn[] = [];
    for (const turn of this.#waiting)
      ([...turn.step.inputs.values()].every((tensor) => this.#tensors.has(tensor)) ? ready : left).push(turn);
    this.#waiting = left;
    for (const { step, ticket } of ready) this.#run(step, ticket);
    if (this.#underWay === 0 && this.#waiting.length === 0 && this.#failure === undefined) this.#finish();
  }

  #run(step: EnsembleStep, ticket: Ticket): void {
    const inputs = new Map<string, RawTensor>();
    for (const [input, name] of step.inputs) {
      const tensor = this.#tensors.get(name);
      if (tensor !== undefined) inputs.set(input, tensor);
    }
    this.#underWay += 1;
    try {
      step.model.check(inputs, "");
    } catch (error) {
      ticket.abandon();
      queueMicrotask(() => this.#fail(asRefusal(error)));
      return;
    }
    this.#started.push(ticket);
    ticket.run(inputs, [...step.outputs.keys()], (outcome, timing) => {
      const { name, version } = step.model.spec;
      if (timing !== undefined) this.#timings.push({ name, version, timing });
      if (outcome instanceof Refusal) {
        this.#fail(outcome);
        return;
      }
      this.#underWay -= 1;
      const made = new Map<string, RawTensor>();
      for (const [output, name] of step.outputs) {
        const tensor = outcome.get(output);
        if (tensor !== undefined) made.set(name, tensor);
      }
      this.#put(made);
      if (this.#failure === undefined) this.#advance();
    });
  }

  #fail(refusal: Refusal): void {
    if (this.#failure !== undefined) return;
    this.#failure = refusal.inEnsemble(this.#name);
    for (const { ticket } of this.#waiting) ticket.abandon();
    this.#waiting = [];
    this.#done(this.#failure, this.#timings);
  }

  #finish(): void {
    const outputs = new Map<string, RawTensor>();
    for (const name of this.#wanted) {
      const tensor = this.#tensors.get(name);
      if (tensor !== undefined) outputs.set(name, tensor);
    }
    this.#done(outputs, this.#timings);
  }
}
