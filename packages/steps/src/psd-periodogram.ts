import { createRealFft } from "@strainflow/fft";
import type { SampleArray } from "@strainflow/series";

/** What is taken away before the transform: each segment's mean (`exact`), the whole stretch's (`fast`), nothing. */
export type PsdDetrend = "exact" | "fast" | "none";

/** One-sided power spectra of single segments. */
export interface Periodogram {
  readonly fftSize: number;
  /** Frequencies from 0 to Nyquist. */
  readonly bins: number;
  /**
   * Power spectral density (units²/Hz) of the `fftSize` samples from `input[from]` on, `mean` taken away from each,
   * written into `power` (`bins` long).
   */
  measure(input: SampleArray, from: number, mean: number, power: Float64Array): void;
}

/**
 * Plans periodograms: |rfft(w·(x − mean))|² · `scale`, twice that but at bin 0 and Nyquist.
 *
 * @param scale default 1/(sampleRate·Σw²), which makes it a density
 */
export function createPeriodogram(taper: Float64Array, sampleRate: number, scale?: number): Periodogram {
  const fftSize = taper.length;
  const fft = createRealFft(fftSize);
  const { bins } = fft;
  const windowed = new Float64Array(fftSize);
  const re = new Float64Array(bins);
  const im = new Float64Array(bins);
  const once = scale ?? 1 / (sampleRate * taper.reduce((sum, w) => sum + w * w, 0));
  return {
    fftSize,
    bins,
    measure(input, from, mean, power) {
      for (let n = 0; n < fftSize; n++) windowed[n] = (input[from + n]! - mean) * taper[n]!;
      fft.forward(windowed, re, im);
      for (let k = 0; k < bins; k++) power[k] = 2 * once * (re[k]! * re[k]! + im[k]! * im[k]!);
      power[0] = power[0]! / 2;
      if (fftSize % 2 === 0) power[bins - 1] = power[bins - 1]! / 2;
    },
  };
}

/** Mean of `size` samples from `input[from]` on. */
export function meanOf(input: SampleArray, from: number, size: number): number {
  let sum = 0;
  for (let n = from; n < from + size; n++) sum += input[n]!;
  return sum / size;
}
