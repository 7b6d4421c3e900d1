import { createRealFft } from "@strainflow/fft";
import { invalidOption } from "@strainflow/series";
import { createTaper } from "./taper.ts";

/**
 * Where the new bins lie when a spectrum is interpolated.
 *
 * - `"frequency"`: bin k of n at the frequency k/(n − 1) of Nyquist, as it is;
 * - `"half-sample"`: as images are resized, off by up to half a bin: what torch's `interpolate` does by default, and so
 *   what networks behind ml4gw were trained on.
 */
export type SpectrumGrid = "frequency" | "half-sample";

/** Interpolates a one-sided spectrum linearly to `bins` bins from 0 to Nyquist. */
export function interpolateSpectrum(spectrum: Float64Array, bins: number, grid: SpectrumGrid): Float64Array {
  const { length } = spectrum;
  if (bins === length) return spectrum;
  const last = length - 1;
  return Float64Array.from({ length: bins }, (_, k) => {
    const at =
      grid === "frequency" ? (k * last) / (bins - 1) : Math.max(0, ((k + 0.5) * length) / bins - 0.5);
    const below = Math.min(Math.floor(at), last);
    const above = Math.min(below + 1, last);
    const part = at - below;
    return spectrum[below]! * (1 - part) + spectrum[above]! * part;
  });
}

export interface InverseAsdOptions {
  /** Hz. */
  readonly sampleRate: number;
  /** Bins of the spectra, from 0 to Nyquist. */
  readonly bins: number;
  /** Samples that the filter's response is cut to. */
  readonly filterSize: number;
  /** Hz below which nothing passes; absent: no such limit. */
  readonly highpass?: number | undefined;
  /** Hz from which on nothing passes; absent: no such limit. */
  readonly lowpass?: number | undefined;
}

/**
 * Plans |W|, the magnitude of the inverse ASD whose impulse response has been cut to `filterSize` samples by the two
 * halves of a Hann taper: B. Allen et al., Phys. Rev. D 85, 122006, in the form of ml4gw's
 * `truncate_inverse_power_spectrum`, which returns 1/(2|W|²).
 *
 * @throws `invalid-option` if the response is to be longer than the spectrum's own period
 */
export function createInverseAsd(options: InverseAsdOptions): (psd: Float64Array) => Float64Array {
  const { sampleRate, bins, filterSize, highpass, lowpass } = options;
  const size = 2 * (bins - 1);
  const half = Math.floor(filterSize / 2);
  if (!Number.isInteger(filterSize) || half < 1 || 2 * half > size)
    throw invalidOption("whiten", "filterLength", filterSize / sampleRate, `from 2 to ${size} samples`);
  const fft = createRealFft(size);
  const df = sampleRate / size;
  const first = highpass === undefined ? 0 : Math.floor(highpass / df);
  const end = lowpass === undefined ? bins : Math.min(Math.floor(lowpass / df), bins);
  const taper = createTaper("hann", 2 * half);
  const re = new Float64Array(bins);
  const im = new Float64Array(bins);
  const response = new Float64Array(size);
  return (psd) => {
    re.fill(0);
    im.fill(0);
    for (let k = first; k < end; k++) re[k] = 1 / Math.sqrt(psd[k]!);
    if (bins % 2 === 1) re[bins - 1] = 0;
    fft.inverse(re, im, response);
    for (let n = 0; n < half; n++) {
      response[n] = response[n]! * taper[half + n]!;
      response[size - half + n] = response[size - half + n]! * taper[n]!;
    }
    response.fill(0, half, size - half);
    fft.forward(response, re, im);
    return Float64Array.from(re, (x, k) => Math.hypot(x, im[k]!));
  };
}
