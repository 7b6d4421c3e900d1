import type { SampleArray } from "@strainflow/series";
import type { Section } from "./butterworth.ts";

/** Two numbers per section. */
export type SosState = Float64Array;

/** The state of a filter at rest. */
export function restState(filter: readonly Section[]): SosState {
  return new Float64Array(2 * filter.length);
}

/** The state of a filter that has seen `level` for ever: scipy's `sosfilt_zi` times `level`. */
export function steadyState(filter: readonly Section[], level: number): SosState {
  const state = restState(filter);
  let input = level;
  filter.forEach(({ b0, b1, b2, a1, a2 }, i) => {
    const output = (input * (b0 + b1 + b2)) / (1 + a1 + a2);
    const second = b2 * input - a2 * output;
    state[2 * i] = b1 * input - a1 * output + second;
    state[2 * i + 1] = second;
    input = output;
  });
  return state;
}

/**
 * Runs `input` through the sections (transposed direct form II) into `output`, which may be the same array,
 * and leaves the state where the next block goes on. Blocks and one call give the same bytes.
 */
export function sosFilter(
  filter: readonly Section[],
  state: SosState,
  input: SampleArray,
  output: Float64Array,
): void {
  const { length } = input;
  for (let n = 0; n < length; n++) output[n] = input[n]!;
  filter.forEach(({ b0, b1, b2, a1, a2 }, i) => {
    let first = state[2 * i]!;
    let second = state[2 * i + 1]!;
    for (let n = 0; n < length; n++) {
      const x = output[n]!;
      const y = b0 * x + first;
      first = b1 * x - a1 * y + second;
      second = b2 * x - a2 * y;
      output[n] = y;
    }
    state[2 * i] = first;
    state[2 * i + 1] = second;
  });
}

/**
 * Filters a whole stretch forwards and backwards, so that nothing is delayed and the response is squared: scipy's
 * `sosfiltfilt`, with its default of an odd extension at both ends.
 */
export function sosFilterZeroPhase(filter: readonly Section[], input: SampleArray): Float64Array {
  const trivial = Math.min(
    filter.filter(({ b2 }) => b2 === 0).length,
    filter.filter(({ a2 }) => a2 === 0).length,
  );
  const edge = Math.min(3 * (2 * filter.length + 1 - trivial), input.length - 1);
  const last = input.length - 1;
  const extended = new Float64Array(input.length + 2 * edge);
  for (let n = 0; n < input.length; n++) extended[edge + n] = input[n]!;
  for (let n = 0; n < edge; n++) {
    extended[n] = 2 * input[0]! - input[edge - n]!;
    extended[edge + input.length + n] = 2 * input[last]! - input[last - 1 - n]!;
  }
  for (let pass = 0; pass < 2; pass++) {
    sosFilter(filter, steadyState(filter, extended[0]!), extended, extended);
    extended.reverse();
  }
  return extended.slice(edge, edge + input.length);
}
