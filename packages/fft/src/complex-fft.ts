import { bluestein } from "./bluestein.ts";
import { factorise, LARGEST_RADIX, mixedRadix } from "./mixed-radix.ts";
import type { Transform } from "./transform.ts";

/** A plan: tables and scratch memory for complex transforms of one length. Not reentrant, and needs no freeing. */
export interface ComplexFft {
  /** Points of the transform. */
  readonly size: number;
  /**
   * X[k] = Σₙ x[n]·e^(−2πi·kn/size), unnormalised, as numpy's `fft`. All arrays hold at least `size` samples; the
   * output may be the input.
   */
  forward(re: Float64Array, im: Float64Array, outputRe: Float64Array, outputIm: Float64Array): void;
  /** x[n] = 1/size · Σₖ X[k]·e^(+2πi·kn/size), as numpy's `ifft`. */
  inverse(re: Float64Array, im: Float64Array, outputRe: Float64Array, outputIm: Float64Array): void;
}

/**
 * Plans complex transforms of `size` points, any whole number ≥ 1.
 *
 * Lengths made of small primes run in passes of 4, 2, 3, 5, 7 … 31; any other goes through a convolution of a power of
 * two (about four times as slow). The same input gives the same bytes, always.
 *
 * @throws RangeError if `size` is not a whole number from 1 to 2^28
 */
export function createComplexFft(size: number): ComplexFft {
  const transform = createTransform(size);
  const scale = 1 / size;
  return {
    size,
    forward: (re, im, outputRe, outputIm) =>
      transform(exactly(re, size), exactly(im, size), outputRe, outputIm),
    inverse(re, im, outputRe, outputIm) {
      transform(exactly(im, size), exactly(re, size), outputIm, outputRe);
      for (let n = 0; n < size; n++) {
        outputRe[n] = outputRe[n]! * scale;
        outputIm[n] = outputIm[n]! * scale;
      }
    },
  };
}

export function createTransform(size: number): Transform {
  checkSize(size);
  const factors = factorise(size);
  return factors.some((factor) => factor > LARGEST_RADIX) ? bluestein(size) : mixedRadix(size, factors);
}

export function checkSize(size: number): void {
  if (!Number.isInteger(size) || size < 1 || size > 2 ** 28)
    throw new RangeError(`the size of a transform is ${size}; it must be a whole number between 1 and 2^28`);
}

/** A longer array is read up to `size` only. */
function exactly(array: Float64Array, size: number): Float64Array {
  if (array.length === size) return array;
  if (array.length < size)
    throw new RangeError(`a transform of ${size} points was given an array of ${array.length}`);
  return array.subarray(0, size);
}
