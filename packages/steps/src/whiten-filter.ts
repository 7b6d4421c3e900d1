import { createRealFft, type RealFft } from "@strainflow/fft";
import { createTaper } from "./taper.ts";

export interface WhitenFilterOptions {
  readonly sampleRate: number;
  /** Samples of the segments that the PSD was made of. */
  readonly fftSize: number;
  /** Samples that the impulse response is cut to; even, at most `fftSize`. */
  readonly filterSize: number;
  /** Hz below which the response is zero. */
  readonly highpass: number;
  /** Hz from which on it is zero. */
  readonly lowpass: number;
}

/** Makes the zero-phase filter that whitens, out of a PSD. */
export interface WhitenFilter {
  /** The taps reach to ±(reachSize − 1): half of `filterSize`. */
  readonly reachSize: number;
  /**
   * Writes the right half of the symmetric impulse response, lag 0 to reachSize − 1, of the inverse ASD of `psd`:
   * zero outside the pass band, cut to `filterSize` by the two halves of a Hann taper.
   */
  design(psd: Float64Array, taps: Float64Array): void;
}

/**
 * Plans filters, as ml4gw's `truncate_inverse_power_spectrum` makes them, on the PSD's own frequencies.
 *
 * The cut in time is a smoothing in frequency, by about 2·sampleRate/filterSize.
 */
export function createWhitenFilter(options: WhitenFilterOptions): WhitenFilter {
  const { fftSize, filterSize } = options;
  const reachSize = filterSize / 2;
  const fft = createRealFft(fftSize);
  const { first, last } = passBand(options, fft.bins);
  const taper = createTaper("hann", filterSize);
  const inverseAsd = new Float64Array(fft.bins);
  const nothing = new Float64Array(fft.bins);
  const response = new Float64Array(fftSize);
  return {
    reachSize,
    design(psd, taps) {
      inverseAsd.fill(0);
      for (let k = first; k < last; k++) inverseAsd[k] = 1 / Math.sqrt(psd[k]!);
      fft.inverse(inverseAsd, nothing, response);
      for (let n = 0; n < reachSize; n++) taps[n] = response[n]! * taper[reachSize + n]!;
    },
  };
}

/** Bins that pass: from ⌊highpass/df⌋ to before ⌊lowpass/df⌋, and never Nyquist. */
function passBand(options: WhitenFilterOptions, bins: number): { first: number; last: number } {
  const df = options.sampleRate / options.fftSize;
  return {
    first: Math.floor(options.highpass / df),
    last: Math.min(Math.floor(options.lowpass / df), bins - 1),
  };
}

/** Samples the (real) response of symmetric taps at the frequencies of `fft`, folding lags that it cannot hold. */
export function createResponse(fft: RealFft): (taps: Float64Array, response: Float64Array) => void {
  const kernel = new Float64Array(fft.size);
  const nothing = new Float64Array(fft.bins);
  return (taps, response) => {
    kernel.fill(0);
    kernel[0] = taps[0]!;
    for (let n = 1; n < taps.length; n++) {
      const right = n % fft.size;
      const left = (fft.size - right) % fft.size;
      kernel[right] = kernel[right]! + taps[n]!;
      kernel[left] = kernel[left]! + taps[n]!;
    }
    fft.forward(kernel, response, nothing);
  };
}
