import { checkSampleRate, invalidOption } from "@strainflow/series";
import type { PsdAverage } from "./psd-average.ts";
import type { PsdDetrend } from "./psd-periodogram.ts";

/** What {@link createWhiten} and {@link createOverWhiten} have in common. */
export interface StreamWhitenOptions {
  /** Hz of the stream. */
  readonly sampleRate: number;
  /** Names of its channels, in order. */
  readonly channels: readonly string[];
  /** Seconds of past that a PSD is made of. Default 8: a 32 s file still leaves 23 s to look at. */
  readonly psdLength?: number;
  /**
   * Seconds of one PSD segment. Default: `filterLength`. A filter of that length cannot follow lines any finer, and lets
   * them leak: a PSD of 2 s segments whitens GW150914's detectors to a standard deviation of 1.13 and 1.24 under a 1 s
   * filter, one of 1 s segments to 1.00 and 0.99; and there are twice as many segments to average.
   */
  readonly fftLength?: number;
  /** Seconds that neighbouring segments share. Default: half of `fftLength`, where a Hann taper wastes least. */
  readonly overlapLength?: number;
  /** Seconds that the whitening filter is cut to; ml4gw's `fduration`. Default 1, as aframe has it. */
  readonly filterLength?: number;
  /** Hz below which nothing passes. Default 25: below it the detectors' noise rises steeply. */
  readonly highpass?: number;
  /**
   * Hz from which on nothing passes. Default 7/8 of Nyquist: above it a resampler has taken signal and noise away, and
   * dividing by the rest would weight what is not there.
   */
  readonly lowpass?: number;
  /** Seconds from one PSD to the next, on an absolute grid. Default 1. */
  readonly psdStride?: number;
  /** Default `"median"`, corrected for its bias: a glitch or a signal in the past does not move it. */
  readonly average?: PsdAverage;
  /** Default `"exact"`: each segment loses its mean. */
  readonly detrend?: Exclude<PsdDetrend, "fast">;
  /** Fraction of a PSD's segments that must be free of gaps; with fewer there is no output. Default 0.5. */
  readonly minimumFraction?: number;
  /**
   * Samples of an output block; blocks begin at absolute multiples of it, and it divides psdStride·sampleRate.
   * Smaller is sooner, larger is cheaper. Default: the largest divisor up to 1/4 s.
   */
  readonly latencyBlock?: number;
  /** Whether the bias of a short PSD is corrected for. Default true. */
  readonly biasCorrection?: boolean;
}

/** The same in samples, checked. */
export interface StreamWhitenSizes {
  readonly sampleRate: number;
  readonly channels: readonly string[];
  readonly psdSize: number;
  readonly fftSize: number;
  readonly hopSize: number;
  readonly filterSize: number;
  readonly highpass: number;
  readonly lowpass: number;
  readonly psdStrideSize: number;
  readonly average: PsdAverage;
  readonly detrend: Exclude<PsdDetrend, "fast">;
  readonly minimumFraction: number;
  readonly blockSize: number;
  readonly biasCorrection: boolean;
}

/** Turns seconds into samples and checks that they fit together. @throws `invalid-option` */
export function whitenSizes(where: string, options: StreamWhitenOptions): StreamWhitenSizes {
  const { sampleRate, channels } = options;
  checkSampleRate(where, sampleRate);
  const samples = (option: string, length: number, least: number): number => {
    const size = Math.round(length * sampleRate);
    if (!(size >= least) || Math.abs(size - length * sampleRate) > 1e-6)
      throw invalidOption(
        where,
        option,
        length,
        `at least ${least / sampleRate} s and a whole number of samples at ${sampleRate} Hz, as ${Math.max(least, size || 0) / sampleRate} is`,
      );
    return size;
  };
  const psdLength = options.psdLength ?? 8;
  const filterLength = options.filterLength ?? 1;
  const fftLength = options.fftLength ?? filterLength;
  const highpass = options.highpass ?? 25;
  const lowpass = options.lowpass ?? (7 / 16) * sampleRate;
  const minimumFraction = options.minimumFraction ?? 0.5;
  if (channels.length === 0)
    throw invalidOption(where, "channels", "empty", "the names of the stream's channels");

  const fftSize = samples("fftLength", fftLength, 16);
  const hopSize = fftSize - samples("overlapLength", options.overlapLength ?? fftLength / 2, 0);
  if (hopSize < 1)
    throw invalidOption(where, "overlapLength", options.overlapLength, `below fftLength = ${fftLength}`);
  const psdSize = samples("psdLength", psdLength, fftSize);
  if (psdSize < fftSize + 3 * hopSize)
    throw invalidOption(
      where,
      "psdLength",
      psdLength,
      `at least ${(fftSize + 3 * hopSize) / sampleRate} s, which is four segments: the inverse of fewer has no usable mean`,
    );
  const filterSize = samples("filterLength", filterLength, 4);
  if (filterSize % 2 !== 0 || filterSize > fftSize)
    throw invalidOption(
      where,
      "filterLength",
      filterLength,
      `an even number of samples, and no longer than fftLength = ${fftLength}`,
    );
  if (!(highpass >= 0 && highpass < lowpass))
    throw invalidOption(where, "highpass", highpass, `from 0 to below lowpass = ${lowpass} Hz`);
  if (!(lowpass <= sampleRate / 2))
    throw invalidOption(where, "lowpass", lowpass, `at most the Nyquist frequency ${sampleRate / 2} Hz`);
  if (!(minimumFraction > 0 && minimumFraction <= 1))
    throw invalidOption(where, "minimumFraction", minimumFraction, "above 0 and at most 1");
  const psdStrideSize = samples("psdStride", options.psdStride ?? 1, 1);
  const blockSize = options.latencyBlock ?? largestDivisor(psdStrideSize, sampleRate / 4);
  if (!Number.isInteger(blockSize) || blockSize < 1 || psdStrideSize % blockSize !== 0)
    throw invalidOption(where, "latencyBlock", blockSize, `a divisor of psdStride, ${psdStrideSize} samples`);
  return {
    sampleRate,
    channels,
    psdSize,
    fftSize,
    hopSize,
    filterSize,
    highpass,
    lowpass,
    psdStrideSize,
    average: options.average ?? "median",
    detrend: options.detrend ?? "exact",
    minimumFraction,
    blockSize,
    biasCorrection: options.biasCorrection ?? true,
  };
}

function largestDivisor(of: number, limit: number): number {
  for (let divisor = Math.floor(limit); divisor > 1; divisor--) if (of % divisor === 0) return divisor;
  return 1;
}
