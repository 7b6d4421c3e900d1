import { createRealFft } from "@strainflow/fft";
import { checkSampleRate, invalidOption, type SampleArray } from "@strainflow/series";
import { meanOf } from "./psd-periodogram.ts";
import { createInverseAsd, interpolateSpectrum } from "./whiten-spectrum.ts";

export interface BlockWhitenOptions {
  /** Hz. */
  readonly sampleRate: number;
  /** Seconds that the filter's response is cut to; half of them are lost at each end. Default 1. */
  readonly filterLength?: number;
  /** Hz below which nothing passes; absent: no such limit. */
  readonly highpass?: number;
  /** Hz from which on nothing passes; absent: no such limit. */
  readonly lowpass?: number;
  /** Whether the ends that the filter spoils are cut off. Default true. */
  readonly crop?: boolean;
  /** `"ml4gw"`: the PSD is interpolated to the stretch's bins as that library does it, half a bin off the frequencies. */
  readonly compatibility?: "ml4gw";
}

/** Whitens stretches of one length. */
export interface BlockWhiten {
  /** Samples that come out. */
  readonly outputSize: number;
  /** `samples` by the one-sided `psd` (any number of bins, 0 to Nyquist): float32, variance 1 where the PSD is right. */
  whiten(samples: SampleArray, psd: Float64Array): Float32Array;
}

/**
 * Plans the whitening of whole stretches of `size` samples, as ml4gw's `Whiten` does it: the mean is taken away, the
 * spectrum multiplied by the inverse ASD cut to `filterLength`, the spoilt ends cut off. Zero phase; float64 inside.
 *
 * A stream is another matter, since a mean depends on where it is cut: see {@link createWhiten}.
 *
 * @throws `invalid-option` if the filter is longer than the stretch
 */
export function createBlockWhiten(size: number, options: BlockWhitenOptions): BlockWhiten {
  const { sampleRate, filterLength = 1, highpass, lowpass, crop = true, compatibility } = options;
  checkSampleRate("whiten", sampleRate);
  const filterSize = Math.round(filterLength * sampleRate);
  if (!Number.isInteger(size) || size <= filterSize)
    throw invalidOption("whiten", "size", size, `a whole number above the filter's ${filterSize} samples`);
  const fft = createRealFft(size);
  const inverseAsd = createInverseAsd({ sampleRate, bins: fft.bins, filterSize, highpass, lowpass });
  const centred = new Float64Array(size);
  const re = new Float64Array(fft.bins);
  const im = new Float64Array(fft.bins);
  const margin = crop ? Math.floor(filterSize / 2) : 0;
  return {
    outputSize: size - 2 * margin,
    whiten(samples, psd) {
      if (samples.length !== size)
        throw invalidOption("whiten", "samples", `${samples.length} samples`, `${size}, as planned`);
      const grid = compatibility === "ml4gw" ? "half-sample" : "frequency";
      const amplitude = inverseAsd(interpolateSpectrum(psd, fft.bins, grid));
      const mean = meanOf(samples, 0, size);
      for (let n = 0; n < size; n++) centred[n] = samples[n]! - mean;
      fft.forward(centred, re, im);
      const scale = Math.sqrt(2 / sampleRate);
      for (let k = 0; k < fft.bins; k++) {
        re[k] = re[k]! * amplitude[k]! * scale;
        im[k] = im[k]! * amplitude[k]! * scale;
      }
      fft.inverse(re, im, centred);
      return Float32Array.from(centred.subarray(margin, size - margin));
    },
  };
}

/** Whitens one stretch: {@link createBlockWhiten} for a single use. */
export function whiten(samples: SampleArray, psd: Float64Array, options: BlockWhitenOptions): Float32Array {
  return createBlockWhiten(samples.length, options).whiten(samples, psd);
}
