/** Where outputs lie on the input's clock, and how each is a weighted sum of inputs. */
export interface ResampleKernel {
  /** Input samples that output `index` needs: the first and the last one, absolute. */
  span(index: number): { readonly first: number; readonly last: number };
  /** Writes outputs `[start, end)` to `output`; sample n of the input lies at `input[n − origin]`. */
  apply(input: Float64Array, origin: number, start: number, end: number, output: Float64Array): void;
}

/**
 * Plans y[m] = up·Σₖ taps[k]·x̂[m·down + ahead − k], with x̂ the input under `up − 1` zeros after every sample.
 *
 * Of the taps only every `up`-th meets a sample: they are sorted by phase beforehand. Each output is one sum in a fixed
 * order, so chunking cannot show. Absolute indexes stay exact: `up` outputs take `down` inputs, and only the remainder
 * is multiplied.
 */
export function createResampleKernel(
  taps: Float64Array,
  up: number,
  down: number,
  ahead: number,
): ResampleKernel {
  const phases = Array.from({ length: up }, (_, r) => {
    const position = r * down + ahead;
    // Inputs n with 0 ≤ position − n·up < taps.length.
    const first = Math.ceil((position - taps.length + 1) / up);
    const last = Math.floor(position / up);
    return {
      first,
      last,
      weights: Float64Array.from(
        { length: last - first + 1 },
        (_, i) => up * taps[position - (first + i) * up]!,
      ),
    };
  });
  const place = (index: number): { turn: number; phase: (typeof phases)[number] } => {
    const turn = Math.floor(index / up);
    return { turn: turn * down, phase: phases[index - turn * up]! };
  };
  return {
    span(index) {
      const { turn, phase } = place(index);
      return { first: turn + phase.first, last: turn + phase.last };
    },
    apply(input, origin, start, end, output) {
      for (let index = start; index < end; index++) {
        const { turn, phase } = place(index);
        const { weights } = phase;
        const at = turn + phase.first - origin;
        let sum = 0;
        for (let i = 0; i < weights.length; i++) sum += weights[i]! * input[at + i]!;
        output[index - start] = sum;
      }
    },
  };
}
