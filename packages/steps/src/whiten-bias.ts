import { createRealFft } from "@strainflow/fft";
import { averagePeriodograms, type PsdAverage } from "./psd-average.ts";
import { createPeriodogram, meanOf, type PsdDetrend } from "./psd-periodogram.ts";
import { createTaper } from "./taper.ts";
import { createResponse, createWhitenFilter, type WhitenFilterOptions } from "./whiten-filter.ts";

export interface WhitenBiasOptions extends WhitenFilterOptions {
  readonly hopSize: number;
  readonly average: PsdAverage;
  readonly detrend: Exclude<PsdDetrend, "fast">;
  /** Segments of an estimate. */
  readonly segments: number;
}

/** What an estimated spectrum does to a filter made of it, in comparison with the true one. */
export interface WhitenBias {
  /** Factor on whitened data (the inverse ASD once) that makes their variance 1. */
  readonly whitened: number;
  /**
   * Factor on the inverse PSD, and so on over-whitened data, that makes each quadrature of a matched filter have
   * variance 1: Σ|W|² / Σ|W|⁴, since the data's own variance goes with |W|⁴·S and σ² with |W|².
   */
  readonly overWhitened: number;
}

/** Periodogram bins that one simulation looks at: about 0.2 % on the whitened standard deviation, in some 50 ms. */
const SIMULATED_BINS = 200_000;

const known = new Map<string, WhitenBias>();

/**
 * Measures the bias of a short PSD: the same estimator, filter and cut on seeded white noise, whose PSD is known.
 *
 * A median of seven overlapping segments whitens to a standard deviation of about 1.1, because 1/Ŝ is larger on average
 * than 1/S. The factor does not depend on the spectrum as long as that is smooth over a few bins.
 * The noise is uniform: each frequency sums thousands of samples, so its transform is normal all the same.
 */
export function whitenBias(options: WhitenBiasOptions): WhitenBias {
  const key = JSON.stringify(Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1)));
  const before = known.get(key);
  if (before !== undefined) return before;
  const bias = simulate(options);
  known.set(key, bias);
  return bias;
}

function simulate(options: WhitenBiasOptions): WhitenBias {
  const filter = createWhitenFilter(options);
  const respond = createResponse(createRealFft(options.fftSize));
  const taps = new Float64Array(filter.reachSize);
  let power = 0;
  let ratio = 0;
  const runs = simulatePsds(options, (psd) => {
    filter.design(psd, taps);
    const response = new Float64Array(psd.length);
    respond(taps, response);
    let second = 0;
    let fourth = 0;
    for (let k = 0; k < psd.length; k++) {
      const square = response[k]! * response[k]!;
      second += square;
      fourth += square * square;
    }
    power += second / psd.length;
    ratio += fourth / second;
  });
  return { whitened: Math.sqrt(runs / power), overWhitened: runs / ratio };
}

/**
 * Shows PSDs as they are estimated from seeded white noise whose true one-sided PSD is 1, the same every time.
 * The array is reused; returns how many there were.
 */
export function simulatePsds(
  options: Omit<WhitenBiasOptions, keyof WhitenFilterOptions> &
    Pick<WhitenFilterOptions, "sampleRate" | "fftSize">,
  visit: (psd: Float64Array) => void,
): number {
  const { sampleRate, fftSize, hopSize, segments } = options;
  const periodogram = createPeriodogram(createTaper("hann", fftSize), sampleRate);
  const { bins } = periodogram;
  const noise = new Float64Array((segments - 1) * hopSize + fftSize);
  const rows = Array.from({ length: segments }, () => new Float64Array(bins));
  const psd = new Float64Array(bins);
  const random = uniform();
  // A one-sided PSD of 1, so that W is 1 where nothing is biased.
  const amplitude = Math.sqrt((12 * sampleRate) / 2);
  const runs = Math.max(4, Math.ceil(SIMULATED_BINS / (bins * segments)));
  for (let run = 0; run < runs; run++) {
    for (let n = 0; n < noise.length; n++) noise[n] = amplitude * random();
    rows.forEach((row, i) => {
      const mean = options.detrend === "exact" ? meanOf(noise, i * hopSize, fftSize) : 0;
      periodogram.measure(noise, i * hopSize, mean, row);
    });
    averagePeriodograms(rows, options.average, psd);
    visit(psd);
  }
  return runs;
}

/** Marsaglia's xorshift32, in [−1/2, 1/2): the same numbers on every machine. J. Stat. Softw. 8 (2003), 14. */
function uniform(): () => number {
  let state = 0x9e3779b9 | 0;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state / 4294967296;
  };
}
