import type { MovedTensor } from "../backends/worker-messages.ts";
import { Refusal } from "../refusal.ts";
import { nowNs } from "../scheduling/monotonic.ts";
import type { OpenSequence, Turn } from "./open-sequence.ts";
import type { ControlInputs } from "./sequence-controls.ts";
import { sequenceKey } from "./sequence-homes.ts";

export interface HandOverOptions {
  readonly name: string;
  /** The model's number in its threads. */
  readonly model: number;
  readonly controls: ControlInputs;
}

/** What it needs of the scheduler. */
export interface SequenceAccess {
  find(key: string): OpenSequence | undefined;
  /** A sequence of its own slot; `undefined` where there is none. @throws Refusal if there are too many already */
  begin(key: string, id: bigint | string): OpenSequence | undefined;
  advance(sequence: OpenSequence): void;
  fail(sequence: OpenSequence, why: Refusal): void;
  release(sequence: OpenSequence): void;
}

type Id = bigint | string;

/** States of sequences out of a scheduler and into another one, in order with the sequences' requests. */
export class SequenceHandOver {
  readonly #options: HandOverOptions;
  readonly #access: SequenceAccess;

  constructor(options: HandOverOptions, access: SequenceAccess) {
    this.#options = options;
    this.#access = access;
  }

  /** The states behind all requests that came before this. The sequence goes on. @throws Refusal */
  async save(id: Id): Promise<readonly MovedTensor[]> {
    const sequence = this.#find(id);
    if (sequence.slot === undefined)
      throw new Refusal("UNAVAILABLE", `${this.#label(id)} waits for a slot; it has no state yet`);
    return new Promise((resolve, reject) => {
      const errand = (refusal: Refusal | undefined): void => {
        if (refusal !== undefined) reject(refusal);
        else
          sequence.thread?.save(this.#options.model, sequence.state, (outcome) =>
            outcome instanceof Refusal ? reject(outcome) : resolve(outcome.tensors),
          );
      };
      sequence.turns.push({ ...turnOf(id), errand });
      this.#access.advance(sequence);
    });
  }

  /** Opens a sequence in the middle: its next request needs no START. @throws Refusal */
  async restore(id: Id, tensors: readonly MovedTensor[]): Promise<void> {
    const place = { id, start: false, end: false };
    this.#options.controls.check(place);
    const key = sequenceKey(id);
    if (this.#access.find(key) !== undefined)
      throw new Refusal("ALREADY_EXISTS", `${this.#label(id)} is open here; end it first`);
    const sequence = this.#access.begin(key, id);
    if (sequence === undefined) throw new Refusal("UNAVAILABLE", `${this.#label(id)} finds no free slot`);
    // Requests that come before the states are there wait behind this.
    const hold: Turn = turnOf(id);
    sequence.turns.push(hold);
    const outcome = await new Promise<unknown>((resolve) => {
      if (sequence.thread === undefined) resolve(new Refusal("UNAVAILABLE", "there is no thread for it"));
      else sequence.thread.restore(this.#options.model, sequence.state, tensors, resolve);
    });
    if (sequence.ended instanceof Refusal) throw sequence.ended;
    if (outcome instanceof Refusal) {
      const why = new Refusal("INVALID_ARGUMENT", `${this.#label(id)}: ${outcome.message}`);
      this.#access.fail(sequence, why);
      throw why;
    }
    sequence.turns = sequence.turns.filter((turn) => turn !== hold);
    this.#access.advance(sequence);
  }

  /** Ends it when what it has is answered. @throws Refusal */
  discard(id: Id): void {
    this.#access.release(this.#find(id));
  }

  #find(id: Id): OpenSequence {
    const sequence = this.#access.find(sequenceKey(id));
    if (sequence === undefined) throw new Refusal("NOT_FOUND", `${this.#label(id)} is not open`);
    return sequence;
  }

  #label(id: Id): string {
    return `sequence ${id} of model '${this.#options.name}'`;
  }
}

function turnOf(id: Id): Turn {
  return { place: { id, start: false, end: false }, queuedNs: nowNs(), givenUp: false, gone: false };
}
