import type { Model } from "../models/model.ts";
import { asRefusal, cancelled, Refusal } from "../refusal.ts";
import { nowNs } from "../scheduling/monotonic.ts";
import type {
  Outcome,
  RequestUrgency,
  Scheduler,
  SequencePlace,
  StepTiming,
  Ticket,
} from "../scheduling/scheduler.ts";
import { sequenceKey } from "../sequences/sequence-homes.ts";
import type { RawTensor, RawTensors } from "../tensors/raw-tensor.ts";
import { ensembleTiming, type Statistics } from "../watching/statistics.ts";
import type { EnsemblePlan, EnsembleStep } from "./ensemble-plan.ts";
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
 * so stateful steps see a sequence in order, however the stateless ones between them overtake each other.
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

  constructor(options: EnsembleOptions) {
    this.#options = options;
    const { plan, maxInFlight } = options;
    if (maxInFlight > 0)
      for (const step of plan.steps)
        if (!step.model.stateful) this.#limits.set(step, new StepLimit(maxInFlight));
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

  /** Its models have taken the request, or a sequence that comes from elsewhere. */
  note({ id, start, end }: SequencePlace): void {
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
    if (place !== undefined && this.#stateful.length > 0) this.note(place);
    let passage: Passage | undefined;
    return {
      run: (inputs, wanted, done) => {
        const queuedNs = nowNs();
        const size = this.#options.batched ? (inputs.values().next().value?.shape[0] ?? 1) : 1;
        this.#running += 1;
        const way = { name, plan, limits: this.#limits };
        passage = new Passage(way, tickets, wanted, (outcome, steps) => {
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

/** What all requests of an ensemble pass through. */
interface Way {
  readonly name: string;
  readonly plan: EnsemblePlan;
  readonly limits: ReadonlyMap<EnsembleStep, StepLimit>;
}

type PassageDone = (outcome: Outcome, steps: readonly StepTiming[]) => void;

/** One request on its way through the steps. */
class Passage {
  readonly #way: Way;
  readonly #wanted: readonly string[];
  readonly #done: PassageDone;
  readonly #timings: StepTiming[] = [];
  readonly #tensors = new Map<string, RawTensor>();
  #waiting: readonly Turn[];
  readonly #started: Ticket[] = [];
  /** Steps that have their inputs and wait for room, and how each gives that up. */
  readonly #held = new Map<Ticket, () => void>();
  #underWay = 0;
  #failure: Refusal | undefined;

  constructor(way: Way, tickets: readonly Ticket[], wanted: readonly string[], done: PassageDone) {
    this.#way = way;
    this.#wanted = wanted;
    this.#done = done;
    this.#waiting = way.plan.steps.flatMap((step, index) => {
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
    if (this.#letGo()) queueMicrotask(() => this.#fail(cancelled()));
  }

  /** Gives up what waits for room. Whether anything did. */
  #letGo(): boolean {
    const any = this.#held.size > 0;
    for (const [ticket, giveUp] of this.#held) {
      giveUp();
      ticket.abandon();
    }
    this.#held.clear();
    return any;
  }

  #put(tensors: RawTensors): void {
    for (const [name, tensor] of tensors) {
      const alone = (this.#way.plan.readers.get(name) ?? 0) <= 1;
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
    const limit = this.#way.limits.get(step);
    const giveUp = limit?.enter(() => {
      this.#held.delete(ticket);
      this.#start(step, ticket, inputs, () => limit.leave());
    });
    if (giveUp === undefined) this.#start(step, ticket, inputs, () => {});
    else if (!this.#started.includes(ticket)) this.#held.set(ticket, giveUp);
  }

  #start(step: EnsembleStep, ticket: Ticket, inputs: RawTensors, ended: () => void): void {
    this.#started.push(ticket);
    ticket.run(inputs, [...step.outputs.keys()], (outcome, timing) => {
      ended();
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
    this.#failure = refusal.inEnsemble(this.#way.name);
    for (const { ticket } of this.#waiting) ticket.abandon();
    this.#waiting = [];
    this.#letGo();
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
