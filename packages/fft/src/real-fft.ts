import { checkSize, createTransform } from "./complex-fft.ts";
import { rootOfUnity } from "./roots-of-unity.ts";
import { splitArrays } from "./split-arrays.ts";
import type { Transform } from "./transform.ts";
import { vectorFft } from "./vector-fft.ts";

/**
 * A plan: tables and scratch memory for real transforms of one length. Nothing stays in it from one call to the next, so
 * that all who want the same length share one.
 */
export interface RealFft {
  /** Points of the transform. */
  readonly size: number;
  /** Frequencies of the transform, from 0 to Nyquist: ⌊size/2⌋ + 1. */
  readonly bins: number;
  /**
   * X[k] = Σₙ x[n]·e^(−2πi·kn/size) for k = 0 … ⌊size/2⌋, unnormalised, as numpy's `rfft`.
   *
   * @param input `size` samples; not written to
   * @param re `bins` real parts
   * @param im `bins` imaginary parts; those of bin 0 (and of Nyquist, at an even size) come out as exactly 0
   */
  forward(input: Float64Array, re: Float64Array, im: Float64Array): void;
  /**
   * The real series whose transform is (`re`, `im`), with the factor 1/size, as numpy's `irfft(…, n=size)`.
   * The imaginary parts of bin 0 (and of Nyquist, at an even size) are taken to be 0.
   */
  inverse(re: Float64Array, im: Float64Array, output: Float64Array): void;
}

/**
 * Plans real transforms of `size` points, any whole number ≥ 1; an even size costs half as much.
 *
 * @throws RangeError if `size` is not a whole number from 1 to 2^28, or an array is too short
 *
 * @example
 * ```ts
 * const fft = createRealFft(4096);
 * const re = new Float64Array(fft.bins);
 * const im = new Float64Array(fft.bins);
 * fft.forward(samples, re, im);
 * ```
 */
export function createRealFft(size: number): RealFft {
  checkSize(size);
  const known = plans.get(size)?.deref();
  if (known !== undefined) return known;
  const plan = vectorFft(size) ?? (size % 2 === 0 ? evenFft(size) : oddFft(size));
  if (plans.size >= MOST_PLANS)
    for (const [other, reference] of plans) if (reference.deref() === undefined) plans.delete(other);
  plans.set(size, new WeakRef(plan));
  return plan;
}

/* A plan costs a millisecond and memory of its own, and a bank of templates asks for the same one again and again. */
const plans = new Map<number, WeakRef<RealFft>>();
/** More are looked through for those that nobody has any more. */
const MOST_PLANS = 64;

function check(name: string, array: Float64Array, least: number): void {
  if (array.length < least)
    throw new RangeError(`${name} has ${array.length} elements where the transform needs ${least}`);
}

/** Even and odd samples as the two parts of one complex transform of half the size. */
export function evenFft(size: number): RealFft {
  const half = size / 2;
  const bins = half + 1;
  const transform: Transform = createTransform(half);
  const { re: zRe, im: zIm } = splitArrays(half, 0);
  const cos = new Float64Array(half);
  const sin = new Float64Array(half);
  for (let k = 0; k < half; k++) {
    const { re, im } = rootOfUnity(k, size);
    cos[k] = re / 2;
    sin[k] = im / 2;
  }
  const scale = 1 / half;
  return {
    size,
    bins,
    forward(input, re, im) {
      check("input", input, size);
      check("re", re, bins);
      check("im", im, bins);
      for (let k = 0, n = 0; k < half; k++, n += 2) {
        zRe[k] = input[n]!;
        zIm[k] = input[n + 1]!;
      }
      transform(zRe, zIm, zRe, zIm);
      const first = zRe[0]!;
      const last = zIm[0]!;
      re[0] = first + last;
      im[0] = 0;
      re[half] = first - last;
      im[half] = 0;
      for (let k = 1, m = half - 1; k <= m; k++, m--) {
        // Spectra of the even samples (e) and of the odd ones (o), at k; those at half − k are their conjugates.
        const eRe = (zRe[k]! + zRe[m]!) / 2;
        const eIm = (zIm[k]! - zIm[m]!) / 2;
        const oRe = zIm[k]! + zIm[m]!;
        const oIm = zRe[m]! - zRe[k]!;
        const tRe = oRe * cos[k]! - oIm * sin[k]!;
        const tIm = oRe * sin[k]! + oIm * cos[k]!;
        re[k] = eRe + tRe;
        im[k] = eIm + tIm;
        re[m] = eRe - tRe;
        im[m] = tIm - eIm;
      }
    },
    inverse(re, im, output) {
      check("re", re, bins);
      check("im", im, bins);
      check("output", output, size);
      zRe[0] = (re[0]! + re[half]!) / 2;
      zIm[0] = (re[0]! - re[half]!) / 2;
      for (let k = 1, m = half - 1; k <= m; k++, m--) {
        const eRe = (re[k]! + re[m]!) / 2;
        const eIm = (im[k]! - im[m]!) / 2;
        const tRe = re[k]! - re[m]!;
        const tIm = im[k]! + im[m]!;
        const oRe = tRe * cos[k]! + tIm * sin[k]!;
        const oIm = tIm * cos[k]! - tRe * sin[k]!;
        zRe[k] = eRe - oIm;
        zIm[k] = eIm + oRe;
        zRe[m] = eRe + oIm;
        zIm[m] = oRe - eIm;
      }
      // Backwards, by exchanging the parts.
      transform(zIm, zRe, zIm, zRe);
      for (let k = 0, n = 0; k < half; k++, n += 2) {
        output[n] = zRe[k]! * scale;
        output[n + 1] = zIm[k]! * scale;
      }
    },
  };
}

/** No trick: a complex transform with nothing in the second part. */
function oddFft(size: number): RealFft {
  const bins = (size + 1) / 2;
  const transform: Transform = createTransform(size);
  const zRe = new Float64Array(size);
  const zIm = new Float64Array(size);
  return {
    size,
    bins,
    forward(input, re, im) {
      check("input", input, size);
      check("re", re, bins);
      check("im", im, bins);
      for (let n = 0; n < size; n++) zRe[n] = input[n]!;
      zIm.fill(0);
      transform(zRe, zIm, zRe, zIm);
      for (let k = 0; k < bins; k++) {
        re[k] = zRe[k]!;
        im[k] = zIm[k]!;
      }
      im[0] = 0;
    },
    inverse(re, im, output) {
      check("re", re, bins);
      check("im", im, bins);
      check("output", output, size);
      zRe[0] = re[0]!;
      zIm[0] = 0;
      for (let k = 1; k < bins; k++) {
        zRe[k] = zRe[size - k] = re[k]!;
        zIm[k] = im[k]!;
        zIm[size - k] = -im[k]!;
      }
      transform(zIm, zRe, zIm, zRe);
      for (let n = 0; n < size; n++) output[n] = zRe[n]! / size;
    },
  };
}
