/**
 * How far a step reaches, in samples of its input. The three compose along a pipeline, and from the sum follow
 * priming after a restart, `plan`, the overlap of work units, and which outputs a gap spoils.
 */
export interface Reach {
  /**
   * How far back an output depends on input, in input samples before the output's own instant;
   * "unbounded" for a recursive filter.
   */
  readonly memory: number | "unbounded";
  /** After a push, the covered output ends at most this many input samples before the input's end. */
  readonly latency: number;
  /** Input samples per output sample; below 1 for a step that raises the rate. */
  readonly stride: number;
}

/** What `save` gives: structured-cloneable, and the only thing that `restore` needs. */
export type StepState = unknown;

/**
 * A pure state machine: no clock, no I/O, no RxJS.
 *
 * Laws, each a property test:
 * - any chunking of the input gives the same outputs, up to where they are cut;
 * - `restore(save())` on a fresh step with the same options changes nothing;
 * - what a step emits covers time without a hole, from where its input began to where its input ended less its latency;
 * - inputs are never written to, and emitted arrays are never written to again.
 */
export interface Step<I, O> extends Reach {
  /** Takes the next input and gives what is now certain. */
  push(input: I): readonly O[];
  /** The stream has ended: gives the rest, as gaps where values would need what never came. */
  flush(): readonly O[];
  /** A copy of the state, structured-cloneable. */
  save(): StepState;
  /** Continues from a saved state, made by a step of the same options. */
  restore(state: StepState): void;
}

/** A step with the rate of what it takes in; what a pipeline's sum is made of. */
export interface RatedReach extends Reach {
  /** Hz of the step's input. */
  readonly sampleRate: number;
}

/**
 * The reach of a whole pipeline, in samples of its first step's input.
 *
 * Rounded up where rates do not divide, so that a promise made from it holds.
 */
export function composeReach(steps: readonly RatedReach[]): Reach {
  const first = steps[0];
  if (first === undefined) return { memory: 0, latency: 0, stride: 1 };
  let memory: number | "unbounded" = 0;
  let latency = 0;
  let stride = 1;
  for (const step of steps) {
    const scale = first.sampleRate / step.sampleRate;
    if (memory !== "unbounded")
      memory = step.memory === "unbounded" ? "unbounded" : memory + Math.ceil(step.memory * scale);
    latency += Math.ceil(step.latency * scale);
    stride *= step.stride;
  }
  return { memory, latency, stride };
}
