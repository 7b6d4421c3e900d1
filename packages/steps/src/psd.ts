import { checkSampleRate, invalidOption, type SampleArray } from "@strainflow/series";
import { averagePeriodograms, type PsdAverage } from "./psd-average.ts";
import { createPeriodogram, meanOf, type PsdDetrend } from "./psd-periodogram.ts";
import { createTaper, type TaperName } from "./taper.ts";

export interface WelchOptions {
  /** Hz. */
  readonly sampleRate: number;
  /** Samples of a segment; the resolution is sampleRate/fftSize. */
  readonly fftSize: number;
  /** Samples that neighbouring segments share. Default: half of `fftSize`, where a Hann taper wastes least. */
  readonly overlapSize?: number;
  /** Default `"hann"`; or the weights themselves, `fftSize` of them. */
  readonly taper?: TaperName | SampleArray;
  /** Default `"median"`, corrected for its bias: one glitch in a few segments does not move it. */
  readonly average?: PsdAverage;
  /** Default `"exact"`: each segment loses its own mean. */
  readonly detrend?: PsdDetrend;
  /** `"ml4gw"`: taper and scale are made in float32, as that library has them. */
  readonly compatibility?: "ml4gw";
}

/** A one-sided power spectral density. */
export interface Psd {
  /** units²/Hz at 0, deltaF, 2·deltaF … Nyquist. */
  readonly values: Float64Array;
  /** Hz between bins. */
  readonly deltaF: number;
  /** Segments that were averaged. */
  readonly segments: number;
}

/**
 * Welch's estimate of the power spectral density of a whole stretch: `[size]` samples to `[⌊fftSize/2⌋ + 1]` bins.
 *
 * P. Welch, IEEE Trans. Audio Electroacoust. 15 (1967) 70. Samples after the last whole segment are not used.
 *
 * @throws `invalid-option` if a segment is longer than the stretch, or the overlap than a segment
 */
export function welch(samples: SampleArray, options: WelchOptions): Psd {
  const { sampleRate, fftSize, average = "median", detrend = "exact", compatibility } = options;
  const overlapSize = options.overlapSize ?? Math.floor(fftSize / 2);
  checkSampleRate("welch", sampleRate);
  if (!Number.isInteger(fftSize) || fftSize < 2 || fftSize > samples.length)
    throw invalidOption(
      "welch",
      "fftSize",
      fftSize,
      `a whole number from 2 to the stretch's ${samples.length} samples`,
    );
  if (!Number.isInteger(overlapSize) || overlapSize < 0 || overlapSize >= fftSize)
    throw invalidOption("welch", "overlapSize", overlapSize, `a whole number from 0 to ${fftSize - 1}`);
  const taper = taperOf(options.taper ?? "hann", fftSize, compatibility);
  let scale = 1 / (sampleRate * taper.reduce((sum, w) => sum + w * w, 0));
  if (compatibility === "ml4gw") scale = Math.fround(scale);
  const periodogram = createPeriodogram(taper, sampleRate, scale);

  const whole = detrend === "fast" ? meanOf(samples, 0, samples.length) : 0;
  const rows: Float64Array[] = [];
  for (let from = 0; from + fftSize <= samples.length; from += fftSize - overlapSize) {
    const row = new Float64Array(periodogram.bins);
    periodogram.measure(samples, from, detrend === "exact" ? meanOf(samples, from, fftSize) : whole, row);
    rows.push(row);
  }
  const values = new Float64Array(periodogram.bins);
  averagePeriodograms(rows, average, values);
  return { values, deltaF: sampleRate / fftSize, segments: rows.length };
}

function taperOf(
  taper: TaperName | SampleArray,
  fftSize: number,
  compatibility: "ml4gw" | undefined,
): Float64Array {
  if (typeof taper !== "string") {
    if (taper.length !== fftSize)
      throw invalidOption("welch", "taper", `${taper.length} weights`, `fftSize = ${fftSize} weights`);
    return Float64Array.from(taper);
  }
  if (compatibility === undefined) return createTaper(taper, fftSize);
  return taper === "hann" ? hannInFloat32(fftSize) : createTaper(taper, fftSize).map(Math.fround);
}

/** The periodic Hann taper with every step of its arithmetic rounded to float32, as torch evaluates it by default. */
function hannInFloat32(size: number): Float64Array {
  const { fround } = Math;
  const turn = fround((2 * Math.PI) / size);
  return Float64Array.from({ length: size }, (_, n) =>
    fround(0.5 - 0.5 * fround(Math.cos(fround(n * turn)))),
  );
}
