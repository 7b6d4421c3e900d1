import type { ComputeThread } from "./compute-thread.ts";
import { nowNs } from "./monotonic.ts";
import type { RawTensors } from "./raw-tensor.ts";
import { cancelled, invalid, Refusal } from "./refusal.ts";
import type { Done, Scheduler, SequencePlace, Ticket } from "./scheduler.ts";
import type { ControlInputs } from "./sequence-controls.ts";
import { type SequenceHomes, sequenceKey } from "./sequence-homes.ts";
import type { SequenceOwner } from "./sequence-owner.ts";
import type { Statistics } from "./statistics.ts";
import { moveTensors, takeTensors } from "./task.ts";

export interface SequenceOptions {
  readonly name: string;
  /** The model's number in its threads. */
  readonly model: number;
  readonly homes: SequenceHomes;
  /** Sequences that run at a time; more of them wait in a backlog. */
  readonly slots: number;
  /** A slot whose sequence has been silent for this long is free again, in milliseconds. */
  readonly idleMs: number;
  readonly controls: ControlInputs;
  readonly statistics: Statistics;
  readonly log: (message: string) => void;
}

interface Turn {
  readonly place: SequencePlace;
  readonly queuedNs: number;
  /** Once its inputs are there. */
  work?: {
    readonly inputs: RawTensors;
    readonly wanted: readonly string[];
    readonly done: Done;
  };
  /** There will be no inputs; its flags still count. */
  givenUp: boolean;
  /** It no longer waits in its sequence. */
  gone: boolean;
}

interface Sequence {
  readonly key: string;
  /** Names its states in the thread; a number that is never used again. */
  readonly state: number;
  readonly thread: ComputeThread;
  /** In order of arrival; those before the first that lacks its inputs have been sent off. */
  turns: Turn[];
  /** Sent off and not yet answered. */
  running: number;
  slot: boolean;
  /** Its START never ran, so that the next turn begins anew. */
  startDue: boolean;
  /** The last that sent to it. */
  owner: SequenceOwner | undefined;
  /** Its owner is lost: it takes no more requests, and goes when those that it has are answered. */
  released: boolean;
  /** Why it is no more. */
  ended?: Refusal | "end";
  timer: NodeJS.Timeout | undefined;
}

let lastState = 0;

/**
 * Triton's sequence batcher with implicit state: a sequence holds a slot from its START to its END or until it has been
 * silent for too long; its requests run in order of arrival in the thread that holds its states.
 */
export class SequenceScheduler implements Scheduler {
  readonly #options: SequenceOptions;
  /** By key: those that take more requests. */
  readonly #open = new Map<string, Sequence>();
  /** All that hold a slot or wait for one. */
  readonly #live = new Set<Sequence>();
  #backlog: Sequence[] = [];
  #freeSlots: number;

  constructor(options: SequenceOptions) {
    this.#options = options;
    this.#freeSlots = options.slots;
  }

  get idle(): boolean {
    for (const sequence of this.#live) if (sequence.turns.length > 0 || sequence.running > 0) return false;
    return true;
  }

  get waiting(): number {
    let count = 0;
    for (const { turns } of this.#live) count += turns.length;
    return count;
  }

  holds(key: string): boolean {
    return this.#open.has(key);
  }

  get vacant(): boolean {
    return this.#live.size === 0;
  }

  admit(place: SequencePlace | undefined): Ticket {
    const { name, log } = this.#options;
    if (place === undefined)
      throw invalid(
        `inference request to model '${name}' must specify a non-zero or non-empty correlation ID`,
      );
    const key = sequenceKey(place.id);
    this.#options.controls.check(place);
    let sequence = this.#open.get(key);
    if (sequence === undefined && !place.start)
      throw invalid(
        `inference request for sequence ${place.id} to model '${name}' must specify the START flag on the first request of the sequence`,
      );
    if (sequence === undefined) sequence = this.#begin(key);
    else if (place.start) log(`model '${name}': sequence ${place.id} starts again without having ended`);
    const turn: Turn = { place, queuedNs: nowNs(), givenUp: false, gone: false };
    sequence.turns.push(turn);
    sequence.owner = place.owner;
    place.owner?.heldBy(this);
    if (place.end) this.#open.delete(key);
    const own = sequence;
    return {
      run: (inputs, wanted, done) => {
        turn.work = { inputs, wanted, done };
        if (own.ended instanceof Refusal) this.#refuse(turn, own.ended);
        else this.#advance(own);
      },
      abandon: () => {
        if (turn.gone || turn.givenUp || (turn.work !== undefined && own.slot)) return;
        this.#refuse(turn, cancelled());
        turn.givenUp = true;
        if (!own.slot && own.turns.every(({ givenUp }) => givenUp)) this.#drop(own);
        else this.#advance(own);
      },
    };
  }

  /** A stream is lost that was the last to send to these: they end here. */
  release(owner: SequenceOwner): void {
    for (const sequence of [...this.#live]) {
      if (sequence.owner !== owner) continue;
      sequence.released = true;
      if (this.#open.get(sequence.key) === sequence) this.#open.delete(sequence.key);
      this.#advance(sequence);
    }
  }

  /** A thread died: its sequences have to start again. Those that waited for a slot had nothing to lose. */
  lose(thread: ComputeThread): void {
    const { name } = this.#options;
    const victims = [...this.#live].filter((sequence) => sequence.thread === thread && sequence.slot);
    for (const sequence of victims) {
      const why = new Refusal(
        "UNAVAILABLE",
        `the state of this sequence of model '${name}' was lost; start it again`,
      );
      const turns = sequence.turns;
      sequence.turns = [];
      sequence.ended = why;
      this.#drop(sequence);
      for (const turn of turns) {
        turn.gone = true;
        this.#refuse(turn, why);
      }
    }
  }

  #begin(key: string): Sequence {
    const sequence: Sequence = {
      key,
      state: ++lastState,
      thread: this.#options.homes.enter(key),
      turns: [],
      running: 0,
      slot: this.#freeSlots > 0,
      startDue: false,
      owner: undefined,
      released: false,
      timer: undefined,
    };
    if (sequence.slot) this.#freeSlots -= 1;
    else this.#backlog.push(sequence);
    this.#open.set(key, sequence);
    this.#live.add(sequence);
    return sequence;
  }

  /** Sends off what is in order and has its inputs. */
  #advance(sequence: Sequence): void {
    if (!sequence.slot) return;
    for (;;) {
      const turn = sequence.turns[0];
      if (turn === undefined || (turn.work === undefined && !turn.givenUp)) break;
      sequence.turns.shift();
      turn.gone = true;
      if (turn.work === undefined || turn.givenUp) sequence.startDue ||= turn.place.start;
      else this.#send(sequence, turn, turn.work);
      if (turn.place.end) {
        sequence.ended = "end";
        if (turn.givenUp) sequence.thread.forget(sequence.state);
        this.#drop(sequence);
        return;
      }
    }
    if (sequence.released && sequence.turns.length === 0) {
      sequence.thread.forget(sequence.state);
      this.#drop(sequence);
    } else this.#watch(sequence);
  }

  #send(sequence: Sequence, turn: Turn, work: NonNullable<Turn["work"]>): void {
    const { model, controls, statistics } = this.#options;
    const { place } = turn;
    const start = place.start || sequence.startDue;
    sequence.startDue = false;
    const inputs: Record<string, string> = {};
    for (const name of work.inputs.keys()) inputs[name] = name;
    const tensors = moveTensors(work.inputs);
    for (const tensor of controls.tensors({ ...place, start })) {
      inputs[tensor.name] = tensor.name;
      tensors.push(tensor);
    }
    const outputs = Object.fromEntries(work.wanted.map((name) => [name, name]));
    const step = { model, inputs, outputs, sequence: { state: sequence.state, start, end: place.end } };
    sequence.running += 1;
    sequence.thread.run([step], tensors, work.wanted, (result) => {
      sequence.running -= 1;
      sequence.timer?.refresh();
      const endNs = nowNs();
      if (result instanceof Refusal) {
        statistics.failed(endNs - turn.queuedNs, "BACKEND");
        if (place.end) sequence.thread.forget(sequence.state);
        work.done(result);
        return;
      }
      const timing = { queuedNs: turn.queuedNs, ...result.marks, endNs };
      statistics.executed(1, timing);
      statistics.succeeded(timing);
      work.done(takeTensors(result.tensors), timing);
    });
  }

  /** Gives the slot back after silence; requests that wait or run are no silence. */
  #watch(sequence: Sequence): void {
    if (sequence.timer !== undefined) {
      sequence.timer.refresh();
      return;
    }
    sequence.timer = setTimeout(() => {
      if (sequence.turns.length > 0 || sequence.running > 0) sequence.timer?.refresh();
      else {
        sequence.thread.forget(sequence.state);
        this.#drop(sequence);
      }
    }, this.#options.idleMs).unref();
  }

  /** The sequence is over; whoever waits longest gets its slot. */
  #drop(sequence: Sequence): void {
    if (!this.#live.delete(sequence)) return;
    clearTimeout(sequence.timer);
    sequence.timer = undefined;
    if (this.#open.get(sequence.key) === sequence) this.#open.delete(sequence.key);
    this.#options.homes.leave(sequence.key);
    if (!sequence.slot) {
      this.#backlog = this.#backlog.filter((waiting) => waiting !== sequence);
      return;
    }
    sequence.slot = false;
    this.#freeSlots += 1;
    const next = this.#backlog.shift();
    if (next === undefined) return;
    this.#freeSlots -= 1;
    next.slot = true;
    this.#advance(next);
  }

  #refuse(turn: Turn, why: Refusal): void {
    const { work } = turn;
    if (work === undefined || turn.givenUp) return;
    this.#options.statistics.failed(nowNs() - turn.queuedNs, why.code === "CANCELLED" ? "CANCELED" : "OTHER");
    queueMicrotask(() => work.done(why));
  }
}
