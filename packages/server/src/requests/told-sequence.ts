import type { SequencePlace } from "../scheduling/scheduler.ts";

const NO_SEQUENCE: SequencePlace = { id: 0n, start: false, end: false };

/** The sequence that a response is of: Triton's ensembles say so, also where there is none, and other models do not. */
export function toldSequence(platform: string, sequence?: SequencePlace): SequencePlace | undefined {
  return platform === "ensemble" ? (sequence ?? NO_SEQUENCE) : undefined;
}
