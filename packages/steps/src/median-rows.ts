import { createKernels, type KernelArray } from "@strainflow/fft";
import { wasm } from "./gen/row-medians-wasm.ts";

/** `assembly/row-medians.ts`, which says what each number is. */
interface Kernels {
  medians(
    rows: number,
    count: number,
    size: number,
    comparators: number,
    comparatorCount: number,
    lanes: number,
    lower: number,
    upper: number,
    output: number,
  ): void;
}

/** Bins that are sorted together. */
const LANES = 64;
const BYTES = 8;

/**
 * Medians, bin by bin, of some rows (2 or more, and few: the work grows as n·log²n).
 *
 * A sorting network, because which of two powers is larger is a coin's toss: a sort that branches on it is mispredicted
 * half the time. Here nothing branches on values; two bins are exchanged at once, by the processor's own minimum and
 * maximum, ten times as fast as JavaScript does it.
 *
 * @returns writes the middle value of each bin, or the mean of the two middle ones, to `medians`
 */
export function createRowMedians(
  count: number,
): (rows: readonly Float64Array[], medians: Float64Array) => void {
  const upper = count >> 1;
  const lower = (count - 1) >> 1;
  const comparators = needed(mergeExchange(count), [lower, upper]);
  let planned:
    | { readonly size: number; readonly run: (rows: readonly Float64Array[], to: Float64Array) => void }
    | undefined;

  function plan(size: number): NonNullable<typeof planned> {
    const padded = Math.ceil(size / LANES) * LANES;
    const { kernels, arrays } = createKernels<Kernels>(wasm, [
      count * padded,
      comparators.length,
      count * LANES,
      padded,
    ]);
    const [values, network, lanes, middle] = arrays as [KernelArray, KernelArray, KernelArray, KernelArray];
    const places = new Uint32Array(network.values.buffer, network.at, 2 * comparators.length);
    places.set(comparators.flat().map((row) => row * LANES * BYTES));
    return {
      size,
      run(rows, to) {
        for (let i = 0; i < count; i++) values.values.set(rows[i]!, i * padded);
        kernels.medians(
          values.at,
          count,
          padded * BYTES,
          network.at,
          comparators.length,
          lanes.at,
          lower * LANES * BYTES,
          upper * LANES * BYTES,
          middle.at,
        );
        to.set(middle.values.subarray(0, size));
      },
    };
  }

  return (rows, medians) => {
    const { length: size } = medians;
    if (planned?.size !== size) planned = plan(size);
    planned.run(rows, medians);
  };
}

/** Batcher's merge exchange sort of any number of values: D. E. Knuth, The Art of Computer Programming 3, 5.2.2 M. */
function mergeExchange(count: number): (readonly [number, number])[] {
  const comparators: (readonly [number, number])[] = [];
  // Shifts, not divisions: places that the engine takes for fractions make the exchanges half as fast.
  const top = 1 << (31 - Math.clz32(count - 1));
  for (let p = top; p >= 1; p >>= 1) {
    let [q, r, d] = [top, 0, p];
    for (;;) {
      for (let i = 0; i + d < count; i++) if ((i & p) === r) comparators.push([i, i + d]);
      if (q === p) break;
      [d, q, r] = [q - p, q >> 1, p];
    }
  }
  return comparators;
}

/** Those comparators that the values at `places` still depend on. */
function needed(
  comparators: readonly (readonly [number, number])[],
  places: readonly number[],
): readonly (readonly [number, number])[] {
  const live = new Set(places);
  const kept: (readonly [number, number])[] = [];
  for (const [i, j] of [...comparators].reverse()) {
    if (!live.has(i) && !live.has(j)) continue;
    live.add(i).add(j);
    kept.unshift([i, j]);
  }
  return kept;
}
