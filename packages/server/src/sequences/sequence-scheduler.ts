import type { ComputeThread } from "../backends/compute-thread.ts";
import { cancelled, invalid, Refusal } from "../refusal.ts";
import { nowNs } from "../scheduling/monotonic.ts";
import type { More, Scheduler, SequencePlace, Ticket } from "../scheduling/scheduler.ts";
import { Iteration, OwnSequences } from "./iterative.ts";
import { nextWork, type OpenSequence, openSequence, type Turn, type Work } from "./open-sequence.ts";
import type { SequenceBatching } from "./sequence-batching.ts";
import { SequenceHandOver } from "./sequence-hand-over.ts";
import { sequenceKey } from "./sequence-homes.ts";
import { SequenceLane } from "./sequence-lane.ts";
import type { SequenceOptions } from "./sequence-options.ts";
import type { SequenceOwner } from "./sequence-owner.ts";
import { SequenceRunner } from "./sequence-runner.ts";
import { SequenceSlots } from "./sequence-slots.ts";

/**
 * Triton's sequence batcher with implicit state: a sequence holds a slot from its START to its END or until it has been
 * silent for too long; its requests run in order of arrival in the thread that holds its states.
 */
export class SequenceScheduler implements Scheduler {
  readonly #options: SequenceOptions;
  /** By key: those that take more requests. */
  readonly #open = new Map<string, OpenSequence>();
  /** All that hold a slot or wait for one. */
  readonly #live = new Set<OpenSequence>();
  #backlog: OpenSequence[] = [];
  readonly #slots: SequenceSlots;
  readonly #runner: SequenceRunner;
  readonly #own = new OwnSequences();
  /** States out of it and into it. */
  readonly handOver: SequenceHandOver;

  constructor(options: SequenceOptions) {
    this.#options = options;
    this.#runner = new SequenceRunner(options);
    this.handOver = new SequenceHandOver(options, {
      find: (key) => this.#open.get(key),
      begin: (key, id) => (this.#slots.full ? undefined : this.#begin(key, id)),
      advance: (sequence) => this.#advance(sequence),
      fail: (sequence, why) => this.#fail([sequence], why),
      release: (sequence) => this.#release(sequence),
    });
    const { slots, instances, batching } = options;
    this.#slots = new SequenceSlots(
      slots,
      instances,
      batching === undefined ? undefined : (instance) => this.#makeLane(instance, batching),
    );
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

  admit(given: SequencePlace | undefined): Ticket {
    const { name, log, iterative } = this.#options;
    const own = given === undefined && iterative !== undefined ? this.#own.begin() : undefined;
    // It ends when its model asks for no more.
    const place = own?.place ?? (iterative !== undefined && given?.start ? { ...given, end: false } : given);
    if (place === undefined)
      throw invalid(
        `inference request to model '${name}' must specify a non-zero or non-empty correlation ID`,
      );
    const key = own?.key ?? sequenceKey(place.id);
    this.#options.controls.check(place);
    let sequence = this.#open.get(key);
    if (sequence === undefined && !place.start)
      throw invalid(
        `inference request for sequence ${place.id} to model '${name}' must specify the START flag on the first request of the sequence`,
      );
    if (sequence === undefined) sequence = this.#begin(key, place.id);
    else if (place.start) log(`model '${name}': sequence ${place.id} starts again without having ended`);
    const turn: Turn = { place, queuedNs: nowNs(), givenUp: false, gone: false };
    sequence.turns.push(turn);
    sequence.owner = place.owner;
    place.owner?.heldBy(this);
    if (place.end) this.#open.delete(key);
    const taken = sequence;
    let iteration: Iteration | undefined;
    return {
      run: (inputs, wanted, done, more) => {
        if (iterative !== undefined && place.start)
          iteration = this.#iteration(taken, place, { inputs, wanted, done, more });
        turn.work = iteration ?? { inputs, wanted, done };
        if (taken.ended instanceof Refusal) this.#refuse(turn, taken.ended);
        else this.#advance(taken);
      },
      abandon: () => {
        if (iteration !== undefined) iteration.abandoned = true;
        if (turn.gone || turn.givenUp || (turn.work !== undefined && taken.slot)) return;
        this.#refuse(turn, cancelled());
        turn.givenUp = true;
        if (taken.slot === undefined && taken.turns.every(({ givenUp }) => givenUp)) this.#drop(taken);
        else this.#advance(taken);
      },
    };
  }

  /** A request whose sequence is over when it is. */
  #iteration(
    sequence: OpenSequence,
    { id }: SequencePlace,
    { more, ...work }: Work & { readonly more: More | undefined },
  ): Iteration {
    return new Iteration({
      ...work,
      again: this.#options.iterative?.again,
      more: this.#options.decoupled === true ? more : undefined,
      queue: (work) => {
        const place = { id, start: false, end: false };
        if (sequence.ended instanceof Refusal) work.done(sequence.ended);
        else {
          sequence.turns.push({ place, work, queuedNs: nowNs(), givenUp: false, gone: false });
          this.#advance(sequence);
        }
      },
      over: () => this.#release(sequence),
    });
  }

  /** A stream is lost that was the last to send to these: they end here. */
  release(owner: SequenceOwner): void {
    for (const sequence of [...this.#live]) if (sequence.owner === owner) this.#release(sequence);
  }

  #release(sequence: OpenSequence): void {
    sequence.released = true;
    if (this.#open.get(sequence.key) === sequence) this.#open.delete(sequence.key);
    this.#advance(sequence);
  }

  /** A thread died: its sequences have to start again. Those that waited for a slot had nothing to lose. */
  lose(thread: ComputeThread): void {
    const { name } = this.#options;
    this.#fail(
      [...this.#live].filter((sequence) => sequence.thread === thread && sequence.slot !== undefined),
      new Refusal("UNAVAILABLE", `the state of this sequence of model '${name}' was lost; start it again`),
    );
  }

  #fail(victims: readonly OpenSequence[], why: Refusal): void {
    // All at once: a slot that becomes free starts a batch, and none of these may be in it.
    const turns = victims.flatMap((sequence) => sequence.turns);
    for (const sequence of victims) {
      sequence.turns = [];
      sequence.ended = why;
    }
    for (const sequence of victims) this.#drop(sequence);
    for (const turn of turns) {
      turn.gone = true;
      turn.errand?.(why);
      this.#refuse(turn, why);
    }
  }

  #begin(key: string, id: bigint | string): OpenSequence {
    const { name, homes, batching, maxSequences } = this.#options;
    if (this.#live.size >= maxSequences)
      throw new Refusal(
        "UNAVAILABLE",
        `inference request for sequence ${id} to model '${name}': ${maxSequences} sequences are open, and no more are taken`,
      );
    const sequence = openSequence(key, batching === undefined ? homes.enter(key) : undefined);
    this.#open.set(key, sequence);
    this.#live.add(sequence);
    if (!this.#seat(sequence)) this.#backlog.push(sequence);
    return sequence;
  }

  /** Gives it a slot, if there is one. */
  #seat(sequence: OpenSequence): boolean {
    const slot = this.#slots.take();
    if (slot === undefined) return false;
    sequence.slot = slot;
    slot.lane?.enter(slot.index, sequence);
    sequence.thread ??= slot.lane?.thread;
    return true;
  }

  #makeLane(instance: number, batching: SequenceBatching): SequenceLane {
    const { homes, model, controls, statistics, clock } = this.#options;
    const thread = homes.threads[instance % homes.threads.length];
    if (thread === undefined) throw new Error("there is no thread for sequences");
    return new SequenceLane({
      model,
      thread,
      batching,
      controls,
      ...(clock === undefined ? {} : { clock }),
      take: (sequence, turn) => {
        sequence.turns.shift();
        turn.gone = true;
        return this.#runner.leaves(sequence, turn);
      },
      sent: (sequences) => {
        for (const sequence of sequences) {
          if (sequence.ended === "end") this.#drop(sequence);
          else this.#advance(sequence);
        }
      },
      ran: (size, { marks }) => statistics.executed(size, { ...marks, endNs: nowNs() }),
      answered: ({ sequence, turn, work }, result, outputs) =>
        this.#runner.answered(sequence, turn, work, result, outputs),
    });
  }

  /** Sends off what is in order and has its inputs. */
  #advance(sequence: OpenSequence): void {
    const { slot } = sequence;
    if (slot === undefined || !this.#live.has(sequence)) return;
    for (;;) {
      const turn = sequence.turns[0];
      if (turn?.errand !== undefined) {
        sequence.turns.shift();
        turn.errand(undefined);
        continue;
      }
      if (turn === undefined || (turn.work === undefined && !turn.givenUp)) break;
      const next = nextWork(sequence);
      if (next !== undefined && slot.lane !== undefined) {
        slot.lane.pump();
        break;
      }
      sequence.turns.shift();
      turn.gone = true;
      if (next === undefined) sequence.startDue ||= turn.place.start;
      else this.#runner.send(sequence, turn, next.work);
      if (turn.place.end) {
        sequence.ended = "end";
        if (turn.givenUp) sequence.thread?.forget(sequence.state);
        this.#drop(sequence);
        return;
      }
    }
    if (!this.#live.has(sequence)) return;
    if (sequence.released && sequence.turns.length === 0) {
      sequence.thread?.forget(sequence.state);
      this.#drop(sequence);
    } else this.#watch(sequence);
  }

  /** Gives the slot back after silence; requests that wait or run are no silence. */
  #watch(sequence: OpenSequence): void {
    if (sequence.timer !== undefined) {
      sequence.timer.refresh();
      return;
    }
    sequence.timer = setTimeout(() => {
      if (sequence.turns.length > 0 || sequence.running > 0) sequence.timer?.refresh();
      else {
        sequence.thread?.forget(sequence.state);
        this.#drop(sequence);
      }
    }, this.#options.idleMs).unref();
  }

  /** The sequence is over; whoever waits longest gets its slot. */
  #drop(sequence: OpenSequence): void {
    if (!this.#live.delete(sequence)) return;
    clearTimeout(sequence.timer);
    sequence.timer = undefined;
    if (this.#open.get(sequence.key) === sequence) this.#open.delete(sequence.key);
    const { slot } = sequence;
    if (this.#options.batching === undefined) this.#options.homes.leave(sequence.key);
    if (slot === undefined) {
      this.#backlog = this.#backlog.filter((waiting) => waiting !== sequence);
      return;
    }
    sequence.slot = undefined;
    slot.lane?.leave(slot.index);
    this.#slots.giveBack(slot);
    const next = this.#backlog.shift();
    if (next === undefined) return;
    this.#seat(next);
    this.#advance(next);
  }

  #refuse(turn: Turn, why: Refusal): void {
    const { work } = turn;
    if (work === undefined || turn.givenUp) return;
    this.#options.statistics.failed(nowNs() - turn.queuedNs, why.code === "CANCELLED" ? "CANCELED" : "OTHER");
    queueMicrotask(() => work.done(why));
  }
}
