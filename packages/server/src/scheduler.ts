import type { RawTensors } from "./raw-tensor.ts";
import type { Refusal } from "./refusal.ts";

/** What a request says of its sequence; absent where it names none. */
export interface SequencePlace {
  readonly id: bigint | string;
  readonly start: boolean;
  readonly end: boolean;
}

export type Outcome = RawTensors | Refusal;

/** A request's place in a model's order, taken on arrival; its inputs may come later. */
export interface Ticket {
  /** The inputs are there. `done` is called once, never from inside. `wanted`: names of the outputs. */
  run(inputs: RawTensors, wanted: readonly string[], done: (outcome: Outcome) => void): void;
  /**
   * There will be no inputs, or nobody waits for the outputs any more. What has its inputs and only waits for its turn
   * is answered with CANCELLED; what cannot be undone (a request of a sequence that has its slot) is still run.
   */
  abandon(): void;
}

/** Decides when and where a model's requests run. */
export interface Scheduler {
  /** Takes a place in the order. @throws Refusal if the request breaks the rules of its sequence */
  admit(place: SequencePlace | undefined): Ticket;
  /** Nothing runs and nothing waits. */
  readonly idle: boolean;
}
