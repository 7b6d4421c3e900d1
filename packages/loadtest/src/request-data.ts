import type { Tensors } from "./compare-tensors.ts";

/** One request's inputs, and what is expected of its answer. */
export interface RequestStep {
  readonly inputs: Tensors;
  readonly expected?: Tensors;
}

/** What is sent: streams of steps. Sequences take a stream each; without them, all steps of all streams are sent in turn. */
export interface RequestData {
  readonly streams: readonly (readonly RequestStep[])[];
  /** Whether the streams are sequences by themselves: they have a length that means something. */
  readonly hasSequences: boolean;
}
