import type { SequenceControl } from "@strainflow/series";

/** One request to be sent: which data, and its place in a sequence. */
export interface Shot {
  /** Which stream of the data, and which step of it. */
  readonly stream: number;
  readonly step: number;
  /** The place in its sequence, from 0; without sequences, the step. */
  readonly position: number;
  readonly sequence?: SequenceControl;
}

/** What became of a request. */
export interface Outcome {
  /** When the answer was there (`performance.now()`), before it was looked at. */
  readonly answeredAt: number;
  readonly responses: number;
  readonly error?: Error;
  /** How the answer differs from what it should be. */
  readonly wrong?: string;
}

/** What is put under load. */
export interface Target {
  /** Sends a request, at once. Never rejects. */
  send(shot: Shot): Promise<Outcome>;
  close(): void;
}
