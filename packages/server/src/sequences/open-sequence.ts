import type { ComputeThread } from "../backends/compute-thread.ts";
import type { Refusal } from "../refusal.ts";
import type { Done, SequencePlace } from "../scheduling/scheduler.ts";
import type { RawTensors } from "../tensors/raw-tensor.ts";
import type { SequenceOwner } from "./sequence-owner.ts";
import type { Slot } from "./sequence-slots.ts";

/** What a request brings and wants, once its inputs are there. */
export interface Work {
  readonly inputs: RawTensors;
  readonly wanted: readonly string[];
  readonly done: Done;
}

/** A request in its sequence's order. */
export interface Turn {
  readonly place: SequencePlace;
  readonly queuedNs: number;
  work?: Work;
  /** There will be no inputs; its flags still count. */
  givenUp: boolean;
  /** It no longer waits in its sequence. */
  gone: boolean;
  /** It is no request: what is to be done when all before it has been sent off. */
  readonly errand?: (refusal: Refusal | undefined) => void;
}

/** A sequence that holds a slot or waits for one. */
export interface OpenSequence {
  readonly key: string;
  /** Names its states in the thread; a number that is never used again. */
  readonly state: number;
  /** Where its states are; of one that waits for its place in a batch not yet known. */
  thread: ComputeThread | undefined;
  /** In order of arrival; those before the first that lacks its inputs have been sent off, or wait for a batch. */
  turns: Turn[];
  /** Sent off and not yet answered. */
  running: number;
  slot: Slot | undefined;
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

/** What is next, where it has its inputs. */
export function nextWork(sequence: OpenSequence): { readonly turn: Turn; readonly work: Work } | undefined {
  const [turn] = sequence.turns;
  return turn?.work === undefined || turn.givenUp ? undefined : { turn, work: turn.work };
}

let lastState = 0;

export function openSequence(key: string, thread: ComputeThread | undefined): OpenSequence {
  return {
    key,
    state: ++lastState,
    thread,
    turns: [],
    running: 0,
    slot: undefined,
    startDue: false,
    owner: undefined,
    released: false,
    timer: undefined,
  };
}
