import type { ModelConfig } from "@strainflow/proto";
import { cancelled, Refusal } from "../refusal.ts";
import type { Done, More, SequencePlace } from "../scheduling/scheduler.ts";
import type { RawTensors } from "../tensors/raw-tensor.ts";

/** The parameter that names an iterative model's output by which it says that it is to run again. */
const AGAIN = "strainflow.again";

/** How a model's requests are sequences of their own; Triton's `iterative_sequence`. */
export interface Iterative {
  /**
   * The output (BOOL) by which a request asks to be run again, with the same inputs and the states that it has left;
   * absent where one run is all. A Triton's backend asks for it by a flag, for which a graph has no word.
   */
  readonly again: string | undefined;
}

export function iterativeOf(config: ModelConfig): Iterative | undefined {
  const scheduling = config.schedulingChoice;
  if (scheduling.case !== "sequenceBatching" || !scheduling.value.iterativeSequence) return undefined;
  return { again: config.parameters[AGAIN]?.stringValue || undefined };
}

/** The place of a request that names no sequence: the beginning of one that no client can name. */
export class OwnSequences {
  #last = 0n;

  begin(): { readonly key: string; readonly place: SequencePlace } {
    this.#last += 1n;
    return { key: `own:${this.#last}`, place: { id: this.#last, start: true, end: false } };
  }
}

export interface IterationOptions {
  readonly inputs: RawTensors;
  readonly wanted: readonly string[];
  readonly again: string | undefined;
  readonly done: Done;
  /** Of a decoupled model: it is told of each run. */
  readonly more: More | undefined;
  /** Puts the request behind all that wait. */
  readonly queue: (iteration: Iteration) => void;
  /** No run follows. */
  readonly over: () => void;
}

/** A request that runs as often as its model asks for. */
export class Iteration {
  readonly #options: IterationOptions;
  /** What it brings to each of its runs; none of it is given away. */
  readonly inputs: RawTensors;
  readonly wanted: readonly string[];
  /** Nobody waits for it: it is not run again. */
  abandoned = false;

  constructor(options: IterationOptions) {
    const { inputs, wanted, again } = options;
    this.#options = options;
    this.inputs = new Map([...inputs].map(([name, tensor]) => [name, { ...tensor, movable: false }]));
    this.wanted = again === undefined || wanted.includes(again) ? wanted : [...wanted, again];
  }

  readonly done: Done = (outcome, timing) => {
    const { again, wanted, more, done, queue, over } = this.#options;
    if (outcome instanceof Refusal) {
      over();
      done(outcome, timing);
      return;
    }
    const asked = again !== undefined && (outcome.get(again)?.data.some((byte) => byte !== 0) ?? false);
    const outputs = new Map([...outcome].filter(([name]) => wanted.includes(name)));
    if (!this.abandoned) more?.(outputs);
    if (asked && !this.abandoned) {
      queue(this);
      return;
    }
    over();
    done(asked ? cancelled() : outputs, timing);
  };
}
