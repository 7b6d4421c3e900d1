import { invalidOption } from "@strainflow/series";
import { createTaper } from "./taper.ts";

/** Modified Bessel function I₀, by its power series. */
function bessel0(x: number): number {
  let term = 1;
  let sum = 1;
  for (let k = 1; term > sum * 1e-17; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

export interface LowpassDesign {
  /** Rate of the taps in Hz. */
  readonly sampleRate: number;
  /** Hz up to which signals pass unchanged. */
  readonly passEdge: number;
  /** Hz from which on they are gone. */
  readonly stopEdge: number;
  /** By how many dB. */
  readonly attenuation: number;
  /** The delay, half the length, becomes a multiple of this. */
  readonly delayMultiple: number;
}

/** How many taps {@link kaiserLowpass} gives. */
export function kaiserSize(design: LowpassDesign): number {
  const width = (design.stopEdge - design.passEdge) / design.sampleRate;
  const least = (design.attenuation - 7.95) / (14.36 * width) / 2;
  return 2 * Math.ceil(least / design.delayMultiple) * design.delayMultiple + 1;
}

/**
 * A linear-phase low-pass of odd length and unit sum: a sinc under a Kaiser window.
 *
 * J. F. Kaiser, "Nonrecursive digital filter design using the I0-sinh window function", ISCAS 1974: window and length.
 */
export function kaiserLowpass(design: LowpassDesign): Float64Array {
  const { sampleRate, passEdge, stopEdge, attenuation } = design;
  const delay = (kaiserSize(design) - 1) / 2;
  const beta = 0.1102 * (attenuation - 8.7);
  const cutoff = (passEdge + stopEdge) / sampleRate;
  return unitSum(
    Float64Array.from({ length: 2 * delay + 1 }, (_, n) => {
      const x = (n - delay) / delay;
      return sinc(cutoff * (n - delay)) * bessel0(beta * Math.sqrt(Math.max(0, 1 - x * x)));
    }),
  );
}

/**
 * A linear-phase low-pass of `size` taps and unit sum, a sinc under a Hamming window: scipy's `firwin(size, cutoff)`.
 *
 * @param cutoff half-amplitude frequency as a fraction of Nyquist
 */
export function hammingLowpass(size: number, cutoff: number): Float64Array {
  const window = createTaper("hamming-symmetric", size);
  return unitSum(window.map((w, n) => w * cutoff * sinc(cutoff * (n - (size - 1) / 2))));
}

/** The taps of running a filter forwards and backwards: its autocorrelation, which delays nothing. */
export function forwardBackward(taps: Float64Array): Float64Array {
  const { length } = taps;
  return Float64Array.from({ length: 2 * length - 1 }, (_, n) => {
    let sum = 0;
    for (let i = Math.max(0, n - length + 1); i <= Math.min(n, length - 1); i++)
      sum += taps[i]! * taps[length - 1 - n + i]!;
    return sum;
  });
}

/** Taps that a caller brings: an odd number, so that the delay is a whole number of samples. */
export function checkTaps(where: string, taps: Float64Array): Float64Array {
  if (taps.length % 2 === 0 || !taps.every(Number.isFinite))
    throw invalidOption(where, "taps", `${taps.length} values`, "an odd number of finite values");
  return taps;
}

function unitSum(taps: Float64Array): Float64Array {
  const sum = taps.reduce((total, tap) => total + tap, 0);
  return taps.map((tap) => tap / sum);
}
