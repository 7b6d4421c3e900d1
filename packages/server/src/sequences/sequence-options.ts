import type { SchedulingClock } from "../scheduling/clock.ts";
import type { Statistics } from "../watching/statistics.ts";
import type { Iterative } from "./iterative.ts";
import type { SequenceBatching } from "./sequence-batching.ts";
import type { ControlInputs } from "./sequence-controls.ts";
import type { SequenceHomes } from "./sequence-homes.ts";

export interface SequenceOptions {
  readonly name: string;
  /** The model's number in its threads. */
  readonly model: number;
  readonly homes: SequenceHomes;
  /** Sequences that run at a time; more of them wait in a backlog. */
  readonly slots: number;
  readonly instances: number;
  /** Sequences that hold a slot or wait for one, before no more are taken. */
  readonly maxSequences: number;
  /** Where sequences share batches. */
  readonly batching?: SequenceBatching;
  /** Default: the system's. */
  readonly clock?: SchedulingClock;
  /** A slot whose sequence has been silent for this long is free again, in milliseconds. */
  readonly idleMs: number;
  readonly controls: ControlInputs;
  /** Where requests are sequences of their own. */
  readonly iterative?: Iterative;
  /** Each run of an iterative request is a response. */
  readonly decoupled?: boolean;
  readonly statistics: Statistics;
  readonly log: (message: string) => void;
}
