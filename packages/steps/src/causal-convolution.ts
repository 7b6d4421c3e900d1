import { createRealFft } from "@strainflow/fft";
import { fastSize } from "./overlap-save.ts";

/** Convolution of a stream with a causal filter: y[t] = Σₖ taps[k]·x[t − k]. */
export interface CausalConvolution {
  /** Samples that {@link filter} writes at a time. */
  readonly blockSize: number;
  /** What {@link filter} takes for its `kernel`, made of the filter's taps. */
  prepare(taps: Float64Array): CausalKernel;
  /**
   * Filters the `blockSize` samples that begin at `input[from]`, with the tapsSize − 1 samples before them, and writes
   * them to `output[at]` and on. What a sample becomes does not depend on how many blocks are asked for at once.
   */
  filter(input: Float64Array, from: number, kernel: CausalKernel, output: Float32Array, at: number): void;
}

/** A filter in the form that its convolution wants. */
export interface CausalKernel {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

/**
 * Blocks from which on a transform is cheaper than the sum itself: measured, between 24 and 48 samples for filters of
 * 512 to 8192 taps.
 * Fixed, so that the same options give the same bytes on every machine.
 */
const TRANSFORM_FROM = 32;

/** Plans blocks of `blockSize` samples under filters of `tapsSize` taps: small blocks by the sum, large by transforms. */
export function createCausalConvolution(blockSize: number, tapsSize: number): CausalConvolution {
  return blockSize < TRANSFORM_FROM ? bySum(blockSize, tapsSize) : byTransform(blockSize, tapsSize);
}

function bySum(blockSize: number, tapsSize: number): CausalConvolution {
  const padded = Math.ceil(tapsSize / 4) * 4;
  const whole = tapsSize - (tapsSize % 4);
  return {
    blockSize,
    prepare(taps) {
      // The oldest sample's first, so that taps and samples are read in the same direction.
      const re = new Float64Array(padded);
      for (let k = 0; k < tapsSize; k++) re[k] = taps[tapsSize - 1 - k]!;
      return { re, im: new Float64Array(0) };
    },
    filter(input, from, { re }, output, at) {
      for (let n = 0; n < blockSize; n++) {
        const first = from + n - tapsSize + 1;
        // Four sums at a time: one alone waits for its own last addition.
        let a = 0;
        let b = 0;
        let c = 0;
        let d = 0;
        let k = 0;
        for (; k < whole; k += 4) {
          a += re[k]! * input[first + k]!;
          b += re[k + 1]! * input[first + k + 1]!;
          c += re[k + 2]! * input[first + k + 2]!;
          d += re[k + 3]! * input[first + k + 3]!;
        }
        for (; k < tapsSize; k++) a += re[k]! * input[first + k]!;
        output[at + n] = a + b + (c + d);
      }
    },
  };
}

function byTransform(blockSize: number, tapsSize: number): CausalConvolution {
  const past = tapsSize - 1;
  const fft = createRealFft(fastSize(blockSize + past));
  const segment = new Float64Array(fft.size);
  const re = new Float64Array(fft.bins);
  const im = new Float64Array(fft.bins);
  return {
    blockSize,
    prepare(taps) {
      const kernel = { re: new Float64Array(fft.bins), im: new Float64Array(fft.bins) };
      segment.fill(0);
      segment.set(taps);
      fft.forward(segment, kernel.re, kernel.im);
      return kernel;
    },
    filter(input, from, kernel, output, at) {
      for (let n = 0; n < blockSize + past; n++) segment[n] = input[from - past + n]!;
      segment.fill(0, blockSize + past);
      fft.forward(segment, re, im);
      for (let k = 0; k < fft.bins; k++) {
        const real = re[k]! * kernel.re[k]! - im[k]! * kernel.im[k]!;
        im[k] = re[k]! * kernel.im[k]! + im[k]! * kernel.re[k]!;
        re[k] = real;
      }
      fft.inverse(re, im, segment);
      for (let n = 0; n < blockSize; n++) output[at + n] = segment[past + n]!;
    },
  };
}
