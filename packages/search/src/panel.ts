import { createComplexFft, createRealFft } from "@strainflow/fft";
import type { SampleArray } from "@strainflow/series";
import { type Psd, welch } from "@strainflow/steps";

/** What can be seen around a detection in one detector; for people, not for the search. */
export interface Panel {
  /** First sample, absolute, at the strain's rate. */
  readonly start: number;
  readonly strain: Float32Array;
  /** Whitened by the stretch's own PSD; standard deviation 1 in noise. */
  readonly whitened: Float32Array;
  /** The template as it would appear in `whitened`, at the SNR and phase of the detection. */
  readonly template: Float32Array;
  readonly spectrogram: Spectrogram;
}

/** Normalised energy, 1 on average in white noise. */
export interface Spectrogram {
  /** First column, absolute, in columns. */
  readonly start: number;
  /** Columns per second. */
  readonly columnRate: number;
  /** Hz, rising, even in the logarithm. */
  readonly frequencies: readonly number[];
  /** Row-major `[frequencies, columns]`. */
  readonly energy: Float32Array;
}

export interface PanelOptions {
  /** Contiguous strain of one detector around the detection: at least 4 s, a power of two of samples is fastest. */
  readonly strain: SampleArray;
  /** Absolute index of its first sample. */
  readonly start: number;
  readonly sampleRate: number;
  /** Sample of the peak, absolute. */
  readonly peak: number;
  readonly snr: number;
  readonly phase: number;
  readonly highpass: number;
  /** Both quadratures, and the sample of their amplitude's maximum. */
  readonly template: { readonly hc: Float64Array; readonly hs: Float64Array };
  readonly peakIndex: number;
  /** Seconds shown before and after the peak. Default 0.75 and 0.25. */
  readonly before?: number;
  readonly after?: number;
}

const COLUMN_RATE = 256;
const ROWS = 64;
/** Quality factor of the spectrogram's tiles: a merger's few cycles stay together. */
const Q = 10;

/** Whitens the stretch around a detection, lays the template over it, and measures its energy over time and frequency. */
export function createPanel(options: PanelOptions): Panel {
  const { strain, start, sampleRate, peak, before = 0.75, after = 0.25 } = options;
  const size = strain.length;
  const spectrum = whitenedSpectrum(options);
  const series = new Float64Array(size);
  createRealFft(size).inverse(spectrum.re, spectrum.im, series);
  const from = Math.max(0, Math.round(peak - start - before * sampleRate));
  const to = Math.min(size, Math.round(peak - start + after * sampleRate));
  return {
    start: start + from,
    strain: Float32Array.from(strain.subarray(from, to)),
    whitened: Float32Array.from(series.subarray(from, to)),
    template: Float32Array.from(whitenedTemplate(options, spectrum.inverseAsd).subarray(from, to)),
    spectrogram: qTransform(spectrum, options, start + from, start + to),
  };
}

interface WhitenedSpectrum {
  readonly re: Float64Array;
  readonly im: Float64Array;
  readonly inverseAsd: Float64Array;
}

function whitenedSpectrum({ strain, sampleRate, highpass }: PanelOptions): WhitenedSpectrum {
  const size = strain.length;
  const bins = Math.floor(size / 2) + 1;
  const inverseAsd = inverseAsdOf(
    welch(strain, { sampleRate, fftSize: sampleRate }),
    size,
    sampleRate,
    highpass,
  );
  const tapered = Float64Array.from(strain);
  const edge = Math.round(sampleRate / 4);
  for (let i = 0; i < edge; i++) {
    const weight = 0.5 - 0.5 * Math.cos((Math.PI * (i + 0.5)) / edge);
    tapered[i]! *= weight;
    tapered[size - 1 - i]! *= weight;
  }
  const re = new Float64Array(bins);
  const im = new Float64Array(bins);
  createRealFft(size).forward(tapered, re, im);
  for (let k = 0; k < bins; k++) {
    re[k]! *= inverseAsd[k]!;
    im[k]! *= inverseAsd[k]!;
  }
  return { re, im, inverseAsd };
}

/** √(2/fs)/√S on the stretch's own bins, so that white noise comes out with deviation 1; 0 outside the band. */
function inverseAsdOf(psd: Psd, size: number, sampleRate: number, highpass: number): Float64Array {
  const bins = Math.floor(size / 2) + 1;
  const inverse = new Float64Array(bins);
  for (let k = 0; k < bins; k++) {
    const frequency = (k * sampleRate) / size;
    const place = Math.min(psd.values.length - 1, frequency / psd.deltaF);
    const below = Math.floor(place);
    const one = psd.values[below]!;
    const value = one + (place - below) * ((psd.values[below + 1] ?? one) - one);
    if (frequency >= highpass && frequency <= 0.45 * sampleRate && value > 0)
      inverse[k] = Math.sqrt(2 / sampleRate / value);
  }
  return inverse;
}

function whitenedTemplate(options: PanelOptions, inverseAsd: Float64Array): Float64Array {
  const { strain, start, peak, snr, phase, template, peakIndex } = options;
  const size = strain.length;
  const padded = new Float64Array(size);
  for (let n = 0; n < template.hc.length; n++) {
    const at = peak - start + n - peakIndex;
    if (at >= 0 && at < size)
      padded[at] = template.hc[n]! * Math.cos(phase) + template.hs[n]! * Math.sin(phase);
  }
  const fft = createRealFft(size);
  const re = new Float64Array(inverseAsd.length);
  const im = new Float64Array(inverseAsd.length);
  fft.forward(padded, re, im);
  for (let k = 0; k < inverseAsd.length; k++) {
    re[k]! *= inverseAsd[k]!;
    im[k]! *= inverseAsd[k]!;
  }
  fft.inverse(re, im, padded);
  const norm = Math.sqrt(padded.reduce((sum, x) => sum + x * x, 0));
  return norm > 0 ? padded.map((x) => (x * snr) / norm) : padded;
}

/**
 * Constant-Q transform by Gaussian windows in frequency (Brown 1991; Chatterji et al. 2004 for its use on strain).
 */
function qTransform(
  spectrum: WhitenedSpectrum,
  options: PanelOptions,
  from: number,
  to: number,
): Spectrogram {
  const { sampleRate, highpass, strain, start } = options;
  const size = strain.length;
  const low = Math.max(20, highpass);
  const high = 0.4 * sampleRate;
  const frequencies = Array.from({ length: ROWS }, (_, row) => low * (high / low) ** (row / (ROWS - 1)));
  const first = Math.ceil((from * COLUMN_RATE) / sampleRate);
  const columns = Math.floor((to * COLUMN_RATE) / sampleRate) - first;
  const energy = new Float32Array(ROWS * columns);
  // The window's band is brought to zero frequency and transformed back on few samples: only the envelope is wanted.
  const span = size / sampleRate;
  frequencies.forEach((frequency, row) => {
    const width = frequency / Q;
    const half = Math.ceil(3 * width * span);
    const length = 2 ** Math.ceil(Math.log2(Math.max(2 * half + 2, COLUMN_RATE * span)));
    const re = new Float64Array(length);
    const im = new Float64Array(length);
    const centre = Math.round(frequency * span);
    let power = 0;
    for (let offset = -half; offset <= half; offset++) {
      const bin = centre + offset;
      if (bin < 1 || bin >= spectrum.re.length - 1) continue;
      const weight = Math.exp(-0.5 * (offset / span / width) ** 2);
      const place = (offset + length) % length;
      re[place] = spectrum.re[bin]! * weight;
      im[place] = spectrum.im[bin]! * weight;
      power += weight * weight;
    }
    // Unit-variance white noise has E|X|² = size in each bin.
    const expected = size * power;
    const outRe = new Float64Array(length);
    const outIm = new Float64Array(length);
    createComplexFft(length).forward(re, im, outRe, outIm);
    for (let column = 0; column < columns; column++) {
      const seconds = (first + column) / COLUMN_RATE - start / sampleRate;
      // A forward transform runs backwards in time.
      const at = (length - (Math.round((seconds / span) * length) % length)) % length;
      energy[row * columns + column] = (outRe[at]! ** 2 + outIm[at]! ** 2) / expected;
    }
  });
  return { start: first, columnRate: COLUMN_RATE, frequencies, energy };
}
