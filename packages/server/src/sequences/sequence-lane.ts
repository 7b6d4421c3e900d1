import type { ComputeThread, TaskResult } from "../backends/compute-thread.ts";
import type { MovedTensor, StateRow } from "../backends/worker-messages.ts";
import { Refusal } from "../refusal.ts";
import { joinBatch } from "../scheduling/batch.ts";
import { blankInputs } from "../scheduling/blank-inputs.ts";
import { type SchedulingClock, systemClock } from "../scheduling/clock.ts";
import type { Outcome } from "../scheduling/scheduler.ts";
import { moveTensors, takeTensors } from "../scheduling/task.ts";
import { cutTensor } from "../tensors/cut-tensor.ts";
import type { RawTensor, RawTensors } from "../tensors/raw-tensor.ts";
import { nextWork, type OpenSequence, type Turn, type Work } from "./open-sequence.ts";
import { type Candidate, chooseRows, type SequenceBatching } from "./sequence-batching.ts";
import type { ControlInputs } from "./sequence-controls.ts";

export interface LaneOptions {
  readonly model: number;
  readonly thread: ComputeThread;
  readonly batching: SequenceBatching;
  readonly controls: ControlInputs;
  readonly clock?: SchedulingClock;
  /** A request leaves its sequence's order for a batch; gives back whether its states begin anew. */
  readonly take: (sequence: OpenSequence, turn: Turn) => boolean;
  /** All of a batch have been sent off. */
  readonly sent: (sequences: readonly OpenSequence[]) => void;
  /** Called once per run of the model. */
  readonly ran: (size: number, result: TaskResult) => void;
  readonly answered: (row: LaneRow, result: TaskResult | Refusal, outputs: RawTensors | undefined) => void;
}

/** A request in a batch. */
export interface LaneRow {
  readonly sequence: OpenSequence;
  readonly turn: Turn;
  readonly work: Work;
  readonly start: boolean;
}

interface Waiting extends Candidate {
  readonly sequence: OpenSequence;
  readonly turn: Turn;
  readonly work: Work;
}

/** One instance of a model whose sequences share batches: it runs one batch at a time, of one request of each sequence. */
export class SequenceLane {
  readonly thread: ComputeThread;
  readonly #options: LaneOptions;
  readonly #clock: SchedulingClock;
  readonly #sequences = new Map<number, OpenSequence>();
  /** When a turn was first seen at the front. */
  readonly #readyNs = new WeakMap<Turn, number>();
  #running = false;
  #cancelAlarm: () => void = () => {};

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.thread = options.thread;
  }

  enter(index: number, sequence: OpenSequence): void {
    this.#sequences.set(index, sequence);
  }

  leave(index: number): void {
    this.#sequences.delete(index);
  }

  /** Runs what is ready, if it is enough and nothing runs. */
  pump(): void {
    this.#cancelAlarm();
    if (this.#running) return;
    const nowNs = this.#clock.nowNs();
    const waiting = this.#waiting(nowNs);
    if (waiting.length === 0) return;
    const choice = chooseRows(waiting, this.#options.batching, nowNs);
    if (choice.run) this.#start(choice.rows);
    else this.#cancelAlarm = this.#clock.at(choice.untilNs, () => this.pump());
  }

  #waiting(nowNs: number): readonly Waiting[] {
    const waiting: Waiting[] = [];
    for (const [index, sequence] of this.#sequences) {
      const next = nextWork(sequence);
      if (next === undefined) continue;
      const { turn, work } = next;
      const readyNs = this.#readyNs.get(turn) ?? nowNs;
      this.#readyNs.set(turn, readyNs);
      const key = rowKey(work.inputs);
      waiting.push({ sequence, turn, work, index, key, queuedNs: turn.queuedNs, readyNs });
    }
    return waiting.sort((a, b) => a.index - b.index);
  }

  #start(chosen: readonly (Waiting | undefined)[]): void {
    this.#running = true;
    const rows = chosen.map((waiting): LaneRow | undefined => {
      if (waiting === undefined) return undefined;
      const { sequence, turn, work } = waiting;
      return { sequence, turn, work, start: this.#options.take(sequence, turn) };
    });
    this.#run(rows, () => {
      this.#running = false;
      this.pump();
    });
    this.#options.sent(rows.flatMap((row) => (row === undefined ? [] : [row.sequence])));
  }

  /** Runs a batch. One that fails is run again row by row: the states are as they were, and who is at fault fails alone. */
  #run(rows: readonly (LaneRow | undefined)[], done: () => void): void {
    const { model, answered, ran } = this.#options;
    const taken = rows.filter((row) => row !== undefined);
    const wanted = [...new Set(taken.flatMap(({ work }) => work.wanted))];
    const tensors = this.#tensors(rows, taken);
    const inputs = identity(tensors.map(({ name }) => name));
    const states = rows.map((row): StateRow | null =>
      row === undefined ? null : { state: row.sequence.state, start: row.start, end: row.turn.place.end },
    );
    const step = { model, inputs, outputs: identity(wanted), rows: states };
    this.thread.run([step], tensors, wanted, (result) => {
      if (result instanceof Refusal) {
        if (taken.length > 1 && result.code === "INTERNAL") {
          this.#runEach(taken, done);
          return;
        }
        for (const row of taken) answered(row, result, undefined);
        // A thread that died tells so after this: its sequences are over, and nothing of theirs is run any more.
        queueMicrotask(done);
        return;
      }
      ran(taken.length, result);
      const outputs = takeTensors(result.tensors);
      const parts = splitOutputs(outputs, rows.length);
      rows.forEach((row, at) => {
        if (row === undefined) return;
        const own = parts[at] ?? new Refusal("INTERNAL", "a batch gave fewer outputs than it has rows");
        if (own instanceof Refusal) answered(row, own, undefined);
        else answered(row, result, pick(own, row.work.wanted));
      });
      done();
    });
  }

  #runEach(rows: readonly LaneRow[], done: () => void): void {
    const [row, ...rest] = rows;
    if (row === undefined) done();
    else this.#run([row], () => this.#runEach(rest, done));
  }

  #tensors(rows: readonly (LaneRow | undefined)[], taken: readonly LaneRow[]): MovedTensor[] {
    const { controls } = this.#options;
    const [first] = taken;
    if (first === undefined) return [];
    const blank = taken.length < rows.length ? blankInputs(first.work.inputs) : first.work.inputs;
    const whole = rows.map((row) => {
      const tensors = new Map<string, RawTensor>(row?.work.inputs ?? blank);
      const given =
        row === undefined ? controls.idle() : controls.tensors({ ...row.turn.place, start: row.start });
      for (const [name, tensor] of takeTensors(given)) tensors.set(name, tensor);
      return tensors;
    });
    // What is run again one by one is still needed: inputs are copied, never moved, where there are several.
    return moveTensors(rows.length === 1 ? (whole[0] ?? new Map()) : joinBatch(whole));
  }
}

function identity(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, name]));
}

/** Others in the batch may want more. */
function pick(outputs: RawTensors, wanted: readonly string[]): RawTensors {
  if (outputs.size === wanted.length) return outputs;
  return new Map([...outputs].filter(([name]) => wanted.includes(name)));
}

/** Requests of one key have inputs of the same names and shapes. */
function rowKey(inputs: RawTensors): string {
  return [...inputs]
    .map(([name, { shape }]) => `${name}:${shape.join(",")}`)
    .sort()
    .join(";");
}

/** Each row's part, as views; of one row whatever the model made. */
function splitOutputs(outputs: RawTensors, count: number): readonly Outcome[] {
  if (count === 1) return [outputs];
  const rows = Array.from({ length: count }, () => new Map<string, RawTensor>());
  for (const [name, tensor] of outputs) {
    const { datatype, shape } = tensor;
    if (shape[0] !== count) {
      const why = `output '${name}' came back as [${shape}] for a batch of ${count}; a model with max_batch_size keeps the batch in its first dimension`;
      return rows.map(() => new Refusal("INTERNAL", why));
    }
    const parts = cutTensor(
      tensor,
      rows.map(() => 1),
    );
    parts.forEach((data, at) => {
      rows[at]?.set(name, { datatype, shape: [1, ...shape.slice(1)], data, movable: false });
    });
  }
  return rows;
}
