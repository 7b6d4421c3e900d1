import type { TaskResult } from "../backends/compute-thread.ts";
import { Refusal } from "../refusal.ts";
import { nowNs } from "../scheduling/monotonic.ts";
import { moveTensors, takeTensors } from "../scheduling/task.ts";
import type { RawTensors } from "../tensors/raw-tensor.ts";
import type { Statistics } from "../watching/statistics.ts";
import type { OpenSequence, Turn, Work } from "./open-sequence.ts";
import type { ControlInputs } from "./sequence-controls.ts";

export interface RunnerOptions {
  readonly model: number;
  readonly controls: ControlInputs;
  readonly statistics: Statistics;
}

/** What happens to a sequence's request from when it leaves its order to its answer. */
export class SequenceRunner {
  readonly #options: RunnerOptions;

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  /** A request is on its way; gives back whether its states begin anew. */
  leaves(sequence: OpenSequence, { place }: Turn): boolean {
    const start = place.start || sequence.startDue;
    sequence.startDue = false;
    sequence.running += 1;
    if (place.end) sequence.ended = "end";
    return start;
  }

  /** Runs a request by itself. */
  send(sequence: OpenSequence, turn: Turn, work: Work): void {
    const { model, controls, statistics } = this.#options;
    const { place } = turn;
    const start = this.leaves(sequence, turn);
    const inputs: Record<string, string> = {};
    for (const name of work.inputs.keys()) inputs[name] = name;
    const tensors = moveTensors(work.inputs);
    for (const tensor of controls.tensors({ ...place, start })) {
      inputs[tensor.name] = tensor.name;
      tensors.push(tensor);
    }
    const outputs = Object.fromEntries(work.wanted.map((name) => [name, name]));
    const rows = [{ state: sequence.state, start, end: place.end }];
    sequence.thread?.run([{ model, inputs, outputs, rows }], tensors, work.wanted, (result) => {
      if (!(result instanceof Refusal)) statistics.executed(1, { ...result.marks, endNs: nowNs() });
      const own = result instanceof Refusal ? undefined : takeTensors(result.tensors);
      this.answered(sequence, turn, work, result, own);
    });
  }

  /** Tells who asked, and counts. */
  answered(
    sequence: OpenSequence,
    turn: Turn,
    work: Work,
    result: TaskResult | Refusal,
    outputs: RawTensors | undefined,
  ): void {
    const { statistics } = this.#options;
    sequence.running -= 1;
    sequence.timer?.refresh();
    const endNs = nowNs();
    if (result instanceof Refusal || outputs === undefined) {
      statistics.failed(endNs - turn.queuedNs, "BACKEND");
      if (turn.place.end) sequence.thread?.forget(sequence.state);
      work.done(result instanceof Refusal ? result : new Refusal("INTERNAL", "the model gave no outputs"));
      return;
    }
    const timing = { queuedNs: turn.queuedNs, ...result.marks, endNs };
    statistics.succeeded(timing);
    work.done(outputs, timing);
  }
}
