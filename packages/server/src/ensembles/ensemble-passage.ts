import { asRefusal, cancelled, Refusal } from "../refusal.ts";
import type { More, Outcome, StepTiming, Ticket } from "../scheduling/scheduler.ts";
import type { RawTensor, RawTensors } from "../tensors/raw-tensor.ts";
import { type EnsemblePlan, type EnsembleStep, THE_REQUEST } from "./ensemble-plan.ts";
import { fitToModel } from "./fit-batch.ts";
import type { StepLimit } from "./step-limit.ts";

/** What all requests of an ensemble pass through. */
export interface Way {
  readonly name: string;
  readonly plan: EnsemblePlan;
  readonly limits: ReadonlyMap<EnsembleStep, StepLimit>;
}

export interface PassageOptions {
  readonly way: Way;
  /** Of the steps that run once per request. */
  readonly tickets: ReadonlyMap<EnsembleStep, Ticket>;
  /** A place for a step that runs once per response of a decoupled one. @throws Refusal */
  readonly admit: (step: EnsembleStep) => Ticket;
  readonly wanted: readonly string[];
  readonly more: More | undefined;
  /** Called once. Of a decoupled ensemble without outputs. */
  readonly done: (outcome: Outcome, steps: readonly StepTiming[]) => void;
}

interface Turn {
  readonly step: EnsembleStep;
  readonly ticket: Ticket;
}

/** The tensors that come of one response: of the request itself, or of one response of a decoupled step. */
interface Wave {
  readonly tensors: Map<string, RawTensor | undefined>;
  waiting: readonly Turn[];
  /** What is made of it for the client. */
  answer: RawTensors | undefined;
  /** The decoupled step's run that it gave rise to: there is at most one on the way from a tensor to the outputs. */
  run: Run | undefined;
  /** Nothing more comes of it. */
  failure: Refusal | undefined;
}

/** A decoupled step's run: its responses, in order, but for those of which all has been answered. */
interface Run {
  readonly waves: Wave[];
  ended: boolean;
}

/**
 * One request on its way through the steps. What comes of each response of a decoupled step goes on by itself, and is
 * answered in the order of the responses, whichever is first through the steps between.
 */
export class Passage {
  readonly #options: PassageOptions;
  readonly #timings: StepTiming[] = [];
  readonly #root: Wave;
  /** Those with steps that wait for their inputs. */
  readonly #waves = new Set<Wave>();
  readonly #started = new Map<Ticket, EnsembleStep>();
  /** Steps that have their inputs and wait for room, and how each gives that up. */
  readonly #held = new Map<Ticket, () => void>();
  /** Steps that have not ended. */
  #left = 0;
  #begun = false;
  #failure: Refusal | undefined;

  constructor(options: PassageOptions) {
    this.#options = options;
    this.#root = this.#wave(THE_REQUEST, (step) => options.tickets.get(step));
  }

  begin(inputs: RawTensors): void {
    if (this.#failure !== undefined) return;
    this.#begun = true;
    for (const name of this.#options.way.plan.optional) this.#root.tensors.set(name, undefined);
    this.#put(this.#root, inputs);
    this.#advance(this.#root);
  }

  /** Steps that wait in a queue come back refused, and the rest never starts. */
  abandon(): void {
    for (const ticket of this.#started.keys()) ticket.abandon();
    if (this.#letGo() || !this.#begun) queueMicrotask(() => this.#fail(cancelled()));
  }

  #wave(origin: number, ticketOf: (step: EnsembleStep) => Ticket | undefined): Wave {
    const waiting: Turn[] = [];
    try {
      for (const step of this.#options.way.plan.steps) {
        const ticket = step.of === origin ? ticketOf(step) : undefined;
        if (ticket !== undefined) waiting.push({ step, ticket });
      }
    } catch (error) {
      for (const { ticket } of waiting) ticket.abandon();
      throw error;
    }
    this.#left += waiting.length;
    const wave: Wave = { tensors: new Map(), waiting, answer: undefined, run: undefined, failure: undefined };
    this.#waves.add(wave);
    return wave;
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

  #put(wave: Wave, tensors: RawTensors): void {
    for (const [name, tensor] of tensors) {
      const alone = (this.#options.way.plan.readers.get(name) ?? 0) <= 1;
      wave.tensors.set(name, alone || !tensor.movable ? tensor : { ...tensor, movable: false });
    }
  }

  #advance(wave: Wave): void {
    const left: Turn[] = [];
    const ready: Turn[] = [];
    for (const turn of wave.waiting)
      ([...turn.step.inputs.values()].every((tensor) => wave.tensors.has(tensor)) ? ready : left).push(turn);
    wave.waiting = left;
    if (left.length === 0) this.#waves.delete(wave);
    for (const { step, ticket } of ready) this.#run(wave, step, ticket);
    if (this.#left === 0 && this.#failure === undefined) this.#finish();
  }

  #run(wave: Wave, step: EnsembleStep, ticket: Ticket): void {
    const { limits } = this.#options.way;
    const inputs = new Map<string, RawTensor>();
    for (const [input, name] of step.inputs) {
      const tensor = wave.tensors.get(name);
      if (tensor !== undefined) inputs.set(input, fitToModel(tensor, step.model.spec.inputs.get(input)));
    }
    try {
      step.model.check(inputs, "");
    } catch (error) {
      ticket.abandon();
      queueMicrotask(() => this.#failIn(wave, asRefusal(error)));
      return;
    }
    const limit = limits.get(step);
    const giveUp = limit?.enter(() => {
      this.#held.delete(ticket);
      this.#start(wave, { step, ticket }, inputs, () => limit.leave());
    });
    if (giveUp === undefined) this.#start(wave, { step, ticket }, inputs, () => {});
    else if (!this.#started.has(ticket)) this.#held.set(ticket, giveUp);
  }

  #start(wave: Wave, { step, ticket }: Turn, inputs: RawTensors, ended: () => void): void {
    const { name, version } = step.model.spec;
    const decoupled = step.gives !== step.of;
    const run: Run | undefined = decoupled ? { waves: [], ended: false } : undefined;
    if (run !== undefined) wave.run = run;
    this.#started.set(ticket, step);
    const done = (outcome: Outcome, timing: StepTiming["timing"] | undefined): void => {
      ended();
      this.#started.delete(ticket);
      if (timing !== undefined) this.#timings.push({ name, version, timing });
      if (outcome instanceof Refusal) {
        this.#failIn(wave, outcome);
        return;
      }
      this.#left -= 1;
      if (run === undefined) this.#receive(wave, step, outcome);
      else run.ended = true;
      if (this.#failure !== undefined) return;
      if (run !== undefined) this.#flush();
      this.#advance(wave);
    };
    const more: More | undefined = run && ((outputs) => this.#respond(run, step, outputs));
    ticket.run(inputs, [...step.outputs.keys()], done, more);
  }

  /** One of the responses of a decoupled step. */
  #respond(run: Run, step: EnsembleStep, outputs: RawTensors): void {
    if (this.#failure !== undefined) return;
    let wave: Wave;
    try {
      wave = this.#wave(step.gives, this.#options.admit);
    } catch (error) {
      wave = this.#wave(step.gives, () => undefined);
      const failed = wave;
      queueMicrotask(() => this.#failIn(failed, asRefusal(error)));
    }
    run.waves.push(wave);
    this.#receive(wave, step, outputs);
    this.#advance(wave);
  }

  #receive(wave: Wave, step: EnsembleStep, outputs: RawTensors): void {
    const made = new Map<string, RawTensor>();
    for (const [output, name] of step.outputs) {
      const tensor = outputs.get(output);
      if (tensor !== undefined) made.set(name, tensor);
    }
    this.#put(wave, made);
    const { way, wanted } = this.#options;
    if (!way.plan.decoupled || step.gives !== way.plan.answers || wave.answer !== undefined) return;
    if (!wanted.every((name) => wave.tensors.has(name))) return;
    wave.answer = this.#answer(wave);
    this.#flush();
  }

  /** Tells the client what is next in order. */
  #flush(): void {
    if (this.#failure === undefined && this.#root.run !== undefined) this.#flushRun(this.#root.run);
  }

  /** Whether all of it is answered. */
  #flushRun({ waves, ended }: Run): boolean {
    for (let wave = waves[0]; wave !== undefined; wave = waves[0]) {
      if (wave.failure !== undefined) {
        this.#fail(wave.failure);
        return false;
      }
      if (wave.answer !== undefined) this.#options.more?.(wave.answer);
      else if (wave.run === undefined || !this.#flushRun(wave.run)) return false;
      waves.shift();
    }
    return ended;
  }

  /** What comes of earlier responses is answered before the request ends with this. */
  #failIn(wave: Wave, refusal: Refusal): void {
    if (wave === this.#root) {
      this.#fail(refusal);
      return;
    }
    for (const { ticket } of wave.waiting) ticket.abandon();
    wave.waiting = [];
    this.#waves.delete(wave);
    wave.failure ??= refusal;
    this.#flush();
  }

  #fail(refusal: Refusal): void {
    if (this.#failure !== undefined) return;
    this.#failure = refusal.inEnsemble(this.#options.way.name);
    for (const { waiting } of this.#waves) for (const { ticket } of waiting) ticket.abandon();
    this.#waves.clear();
    // What would go on giving responses that nobody takes.
    for (const [ticket, step] of this.#started) if (step.gives !== step.of) ticket.abandon();
    this.#letGo();
    this.#options.done(this.#failure, this.#timings);
  }

  #finish(): void {
    const { decoupled } = this.#options.way.plan;
    this.#options.done(decoupled ? new Map() : this.#answer(this.#root), this.#timings);
  }

  #answer(wave: Wave): RawTensors {
    const outputs = new Map<string, RawTensor>();
    for (const name of this.#options.wanted) {
      const tensor = wave.tensors.get(name);
      if (tensor !== undefined)
        outputs.set(name, fitToModel(tensor, this.#options.way.plan.outputs.get(name)));
    }
    return outputs;
  }
}
