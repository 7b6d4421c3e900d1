import { createRealFft } from "@strainflow/fft";
import { checkSampleRate, invalidOption, type SampleArray } from "@strainflow/series";
import { fastSize } from "./overlap-save.ts";
import type { BlockWhitenOptions } from "./whiten.ts";
import { createInverseAsd, interpolateSpectrum } from "./whiten-spectrum.ts";

/** Plans the filters of {@link minimumPhaseTaps} for spectra of `psdBins` bins. */
export function createMinimumPhaseDesign(
  psdBins: number,
  options: BlockWhitenOptions,
): (psd: Float64Array) => Float64Array {
  const { sampleRate, filterLength = 1, highpass, lowpass } = options;
  checkSampleRate("whiten", sampleRate);
  const filterSize = Math.round(filterLength * sampleRate);
  if (!(filterSize >= 2)) throw invalidOption("whiten", "filterLength", filterLength, "at least two samples");
  const bins = Math.max(psdBins, filterSize + 1);
  const inverseAsd = createInverseAsd({ sampleRate, bins, filterSize, highpass, lowpass });
  const size = 2 * (bins - 1);
  const fft = createRealFft(size);
  const re = new Float64Array(bins);
  const im = new Float64Array(bins);
  const cepstrum = new Float64Array(size);
  const scale = Math.sqrt(2 / sampleRate);

  return (psd) => {
    const amplitude = inverseAsd(interpolateSpectrum(psd, bins, "frequency"));
    // Where the response is an exact zero, its logarithm is that of rounding noise.
    const least = amplitude.reduce((largest, a) => Math.max(largest, a), 0) * 1e-18;
    for (let k = 0; k < bins; k++) re[k] = Math.log(Math.max(amplitude[k]!, least));
    im.fill(0);
    fft.inverse(re, im, cepstrum);
    for (let n = 1; n < size / 2; n++) cepstrum[n] = 2 * cepstrum[n]!;
    cepstrum.fill(0, size / 2 + 1);
    fft.forward(cepstrum, re, im);
    for (let k = 0; k < bins; k++) {
      const magnitude = Math.exp(re[k]!);
      re[k] = magnitude * Math.cos(im[k]!);
      im[k] = magnitude * Math.sin(im[k]!);
    }
    fft.inverse(re, im, cepstrum);
    return cepstrum.slice(0, filterSize).map((tap) => tap * scale);
  };
}

/**
 * The causal filter with the magnitude of the whitening filter and the least delay that goes with it:
 * `filterLength` seconds of taps, the first of them on the newest sample.
 *
 * From the folded cepstrum of the magnitude: A. Oppenheim, R. Schafer, "Discrete-Time Signal Processing", ch. 13; on the
 * PSD's own frequencies, or twice the filter's length where those are too few, as ml4gw's `MinimumPhaseWhiten`.
 */
export function minimumPhaseTaps(psd: Float64Array, options: BlockWhitenOptions): Float64Array {
  return createMinimumPhaseDesign(psd.length, options)(psd);
}

/**
 * Whitens one stretch causally: no output depends on a later sample, at the price of a phase that is not linear.
 * Unless `crop` is false, the first `filterLength` seconds, which lack their past, are cut off.
 */
export function whitenMinimumPhase(
  samples: SampleArray,
  psd: Float64Array,
  options: BlockWhitenOptions,
): Float32Array {
  const taps = minimumPhaseTaps(psd, options);
  const { crop = true } = options;
  if (crop && samples.length <= taps.length)
    throw invalidOption(
      "whiten",
      "samples",
      `${samples.length} samples`,
      `more than the filter's ${taps.length}`,
    );
  const fft = createRealFft(fastSize(samples.length + taps.length - 1));
  const padded = new Float64Array(fft.size);
  const [re, im, tapsRe, tapsIm] = [0, 1, 2, 3].map(() => new Float64Array(fft.bins)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  padded.set(taps);
  fft.forward(padded, tapsRe, tapsIm);
  padded.fill(0);
  padded.set(samples);
  fft.forward(padded, re, im);
  for (let k = 0; k < fft.bins; k++) {
    const r = re[k]! * tapsRe[k]! - im[k]! * tapsIm[k]!;
    im[k] = re[k]! * tapsIm[k]! + im[k]! * tapsRe[k]!;
    re[k] = r;
  }
  fft.inverse(re, im, padded);
  return Float32Array.from(padded.subarray(crop ? taps.length : 0, samples.length));
}
