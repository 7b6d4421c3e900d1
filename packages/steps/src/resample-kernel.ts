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
  if (up === 1 && 2 * ahead === taps.length - 1 && isSymmetric(taps)) return symmetricKernel(taps, down);
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

/** Whole decimation by a symmetric filter, no delay: half the multiplications, four sums side by side. */
function symmetricKernel(taps: Float64Array, down: number): ResampleKernel {
  const reach = (taps.length - 1) / 2;
  const weights = taps.slice(reach);
  return {
    span: (index) => ({ first: index * down - reach, last: index * down + reach }),
    apply(input, origin, start, end, output) {
      for (let index = start; index < end; index++) {
        const at = index * down - origin;
        let a = weights[0]! * input[at]!;
        let b = 0;
        let c = 0;
        let d = 0;
        let k = 1;
        for (; k + 3 <= reach; k += 4) {
          a += weights[k]! * (input[at - k]! + input[at + k]!);
          b += weights[k + 1]! * (input[at - k - 1]! + input[at + k + 1]!);
          c += weights[k + 2]! * (input[at - k - 2]! + input[at + k + 2]!);
          d += weights[k + 3]! * (input[at - k - 3]! + input[at + k + 3]!);
        }
        for (; k <= reach; k++) a += weights[k]! * (input[at - k]! + input[at + k]!);
        output[index - start] = a + b + (c + d);
      }
    },
  };
}

function isSymmetric(taps: Float64Array): boolean {
  return taps.every((tap, n) => Math.abs(tap - taps[taps.length - 1 - n]!) <= 1e-15 * Math.abs(tap));
}
