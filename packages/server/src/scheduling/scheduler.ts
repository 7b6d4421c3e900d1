import type { Refusal } from "../refusal.ts";
import type { SequenceOwner } from "../sequences/sequence-owner.ts";
import type { RawTensors } from "../tensors/raw-tensor.ts";

/** What a request says of its sequence; absent where it names none. */
export interface SequencePlace {
  readonly id: bigint | string;
  readonly start: boolean;
  readonly end: boolean;
  /** Whose loss ends the sequence; absent for calls that end with their answer. */
  readonly owner?: SequenceOwner;
}

/** What a request says of how urgent it is. */
export interface RequestUrgency {
  /** How refusals name it. */
  readonly id: string;
  /** 1 is the most urgent; 0 leaves it to the model. */
  readonly priority: number;
  /** How long it may wait in the queue, in microseconds; 0 leaves it to the model. */
  readonly timeoutUs: number;
}

export type Outcome = RawTensors | Refusal;

/** When a request passed each of its stations, in nanoseconds of `nowNs`. */
export interface Timing {
  /** It took its place in the queue. */
  readonly queuedNs: number;
  /** A compute thread took it. */
  readonly beganNs: number;
  /** The model began to run, and ended. */
  readonly runNs: number;
  readonly ranNs: number;
  /** The outputs were there. */
  readonly endNs: number;
  /** Of an ensemble: its steps, in the order in which they ended. */
  readonly steps?: readonly StepTiming[];
}

export interface StepTiming {
  readonly name: string;
  readonly version: string;
  readonly timing: Timing;
}

/** `timing` is there where the model ran. */
export type Done = (outcome: Outcome, timing?: Timing) => void;

/** Takes one of the responses of a decoupled model; `Done` comes after the last, and brings no outputs of its own. */
export type More = (outputs: RawTensors) => void;

/** A request's place in a model's order, taken on arrival; its inputs may come later. */
export interface Ticket {
  /** The inputs are there. `done` is called once, never from inside. `wanted`: names of the outputs. */
  run(inputs: RawTensors, wanted: readonly string[], done: Done, more?: More): void;
  /**
   * There will be no inputs, or nobody waits for the outputs any more. What has its inputs and only waits for its turn
   * is answered with CANCELLED; what cannot be undone (a request of a sequence that has its slot) is still run.
   */
  abandon(): void;
}

/** Decides when and where a model's requests run. */
export interface Scheduler {
  /**
   * Takes a place in the order; `urgency` counts where a model's requests wait by urgency.
   *
   * @throws Refusal if the request breaks the rules of its sequence
   */
  admit(place: SequencePlace | undefined, urgency?: RequestUrgency): Ticket;
  /** Nothing runs and nothing waits. */
  readonly idle: boolean;
  /** Requests that wait to be run. */
  readonly waiting: number;
  /** The sequence of this key (`sequenceKey`) began here and takes more requests. */
  holds(key: string): boolean;
  /** Idle, and no sequence is open: nothing is lost if the model goes. */
  readonly vacant: boolean;
}
