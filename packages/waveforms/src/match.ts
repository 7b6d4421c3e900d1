import { createRealFft, type RealFft } from "@strainflow/fft";
import { invalidOption } from "@strainflow/series";
import { type FrequencySeries, refinePeak } from "./frequency-series.ts";

/** The noise that an inner product is weighted with. */
export interface Weighting {
  /** One-sided PSD in 1/Hz on the grid of the spectra; bins that are not positive and finite are left out. */
  readonly psd: Float64Array;
  /** Hz. Bins below are left out. Default: the first bin after 0. */
  readonly lowFrequency?: number;
  /** Hz. Bins from here on are left out. Default: Nyquist. */
  readonly highFrequency?: number;
}

/** The complex inner product (a|b) = 4 ∫ ã b̃* / S df. Its real part is the usual one. */
export function innerProduct(
  a: FrequencySeries,
  b: FrequencySeries,
  weighting: Weighting,
): { readonly re: number; readonly im: number } {
  const weight = weights("innerProduct", [a, b], weighting);
  let re = 0;
  let im = 0;
  for (let k = 0; k < weight.length; k++) {
    re += weight[k]! * (a.re[k]! * b.re[k]! + a.im[k]! * b.im[k]!);
    im += weight[k]! * (a.im[k]! * b.re[k]! - a.re[k]! * b.im[k]!);
  }
  return { re, im };
}

/** √(a|a): the optimal SNR of `a` in that noise. */
export function sigma(a: FrequencySeries, weighting: Weighting): number {
  return Math.sqrt(innerProduct(a, a, weighting).re);
}

/** (a|b) / √((a|a)(b|b)), real part: 1 for equal shapes, nothing maximised. */
export function overlap(a: FrequencySeries, b: FrequencySeries, weighting: Weighting): number {
  return innerProduct(a, b, weighting).re / (sigma(a, weighting) * sigma(b, weighting));
}

/** How alike two signals are, and how to lay one over the other. */
export interface Match {
  /** The overlap, maximised over time and phase: 0 to 1. */
  readonly match: number;
  /** Seconds by which `b` must be moved later to lie on `a`. */
  readonly time: number;
  /** Radians by which `b` must be turned. */
  readonly phase: number;
}

/**
 * The overlap of two spectra, maximised over a relative time (to a small fraction of a sample) and phase.
 *
 * Source: Allen et al., "FINDCHIRP", arXiv:gr-qc/0509116, Sec. IV, with the data replaced by a signal.
 *
 * @throws `invalid-option` if the spectra or the PSD have different grids
 */
export function match(a: FrequencySeries, b: FrequencySeries, weighting: Weighting): Match {
  const weight = weights("match", [a, b], weighting);
  const bins = weight.length;
  const size = 2 * (bins - 1);
  const re = new Float64Array(bins);
  const im = new Float64Array(bins);
  for (let k = 1; k < bins - 1; k++) {
    re[k] = weight[k]! * (a.re[k]! * b.re[k]! + a.im[k]! * b.im[k]!);
    im[k] = weight[k]! * (a.im[k]! * b.re[k]! - a.re[k]! * b.im[k]!);
  }
  const fft = planFor(size);
  const inPhase = new Float64Array(size);
  const quadrature = new Float64Array(size);
  fft.inverse(re, im, inPhase);
  // Times −i: the other quadrature of the same one-sided sum.
  fft.inverse(
    im,
    re.map((value) => -value),
    quadrature,
  );
  let best = 0;
  let at = 0;
  for (let n = 0; n < size; n++) {
    const power = inPhase[n]! ** 2 + quadrature[n]! ** 2;
    if (power > best) {
      best = power;
      at = n;
    }
  }
  const sample = 1 / (size * a.frequencyStep);
  const coarse = (at > size / 2 ? at - size : at) * sample;
  const product = { re, im, frequencyStep: a.frequencyStep };
  const time = refinePeak(product, coarse, sample / 2);
  const peak = phasorAt(product, time);
  const norm = sigma(a, weighting) * sigma(b, weighting);
  return {
    match: norm > 0 ? Math.hypot(peak.re, peak.im) / norm : 0,
    time,
    phase: Math.atan2(peak.im, peak.re),
  };
}

let lastPlan: RealFft | undefined;

/** A placement computes thousands of matches of one size, and a plan costs more than a transform. */
function planFor(size: number): RealFft {
  if (lastPlan?.size !== size) lastPlan = createRealFft(size);
  return lastPlan;
}

/** Σ_k X_k e^{2πi k·frequencyStep·t}. */
function phasorAt({ re, im, frequencyStep }: FrequencySeries, time: number): { re: number; im: number } {
  let sumRe = 0;
  let sumIm = 0;
  for (let k = 0; k < re.length; k++) {
    const angle = 2 * Math.PI * k * frequencyStep * time;
    const cos = Math.cos(angle);
    const sin = Math.sin(angle);
    sumRe += re[k]! * cos - im[k]! * sin;
    sumIm += re[k]! * sin + im[k]! * cos;
  }
  return { re: sumRe, im: sumIm };
}

/** 4 df / S inside the band, 0 outside. */
function weights(where: string, series: readonly FrequencySeries[], weighting: Weighting): Float64Array {
  const { psd, lowFrequency, highFrequency } = weighting;
  const first = series[0]!;
  const step = first.frequencyStep;
  for (const one of series)
    if (
      one.re.length !== psd.length ||
      one.im.length !== psd.length ||
      Math.abs(one.frequencyStep - step) > 1e-9 * step
    )
      throw invalidOption(
        where,
        "psd",
        `${psd.length} bins`,
        `on the grid of both spectra (${series.map((s) => `${s.re.length} bins, ${s.frequencyStep} Hz apart`).join("; ")})`,
      );
  const low = lowFrequency ?? step;
  const high = highFrequency ?? (psd.length - 1) * step;
  return psd.map((value, k) => {
    const frequency = k * step;
    const inside = frequency >= low * (1 - 1e-12) && frequency < high && value > 0 && Number.isFinite(value);
    return inside ? (4 * step) / value : 0;
  });
}
