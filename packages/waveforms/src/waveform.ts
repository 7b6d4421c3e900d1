import { createRealFft } from "@strainflow/fft";
import { invalidOption } from "@strainflow/series";
import { type Binary, chirpTime } from "./binary.ts";
import { type FrequencySeries, refinePeak, shifted } from "./frequency-series.ts";
import { createPhenomD } from "./phenom-d.ts";

/** The amplitude rises from nothing to full between this fraction of the low frequency and the low frequency. */
const TURN_ON = 0.8;

export interface WaveformOptions extends Binary {
  /** Luminosity distance in Mpc. Default 1. */
  readonly distance?: number;
  /** Hz. */
  readonly sampleRate: number;
  /**
   * Hz, from which on the waveform is complete; from 0.8 of it up it is faded in, so that it does not ring.
   * Default 20: ground-based detectors of today see next to nothing below.
   */
  readonly lowFrequency?: number;
  /** Samples of the time series that the spectrum stands for, even. Default: {@link waveformSize}. */
  readonly size?: number;
}

/** A power of two of samples that holds the waveform from where it fades in, with a second to spare. */
export function waveformSize(options: Omit<WaveformOptions, "size">): number {
  const length = 1.1 * chirpTime(options, TURN_ON * (options.lowFrequency ?? 20)) + 1;
  return 2 ** Math.ceil(Math.log2(length * options.sampleRate));
}

/**
 * Plus polarisation of a face-on binary black hole ({@link createPhenomD}), in strain/Hz, with the maximum of its
 * amplitude |h₊ + i h×| exactly at time 0; what is earlier lies at the end of the (cyclic) time series.
 *
 * @throws `invalid-option`
 */
export function createWaveform(options: WaveformOptions): FrequencySeries {
  const { sampleRate, lowFrequency = 20 } = options;
  if (!(sampleRate > 0))
    throw invalidOption("createWaveform", "sampleRate", sampleRate, "a positive number of Hz");
  if (!(lowFrequency > 0 && lowFrequency < sampleRate / 2))
    throw invalidOption(
      "createWaveform",
      "lowFrequency",
      lowFrequency,
      "between 0 and half the sample rate, in Hz",
    );
  const size = options.size ?? waveformSize(options);
  if (!Number.isInteger(size) || size < 2 || size % 2 !== 0)
    throw invalidOption("createWaveform", "size", size, "an even number of samples");
  const model = createPhenomD(options);
  const bins = size / 2 + 1;
  const frequencyStep = sampleRate / size;
  const re = new Float64Array(bins);
  const im = new Float64Array(bins);
  const first = Math.ceil((TURN_ON * lowFrequency) / frequencyStep);
  const end = Math.min(bins - 1, Math.ceil(model.cutFrequency / frequencyStep));
  for (let k = Math.max(1, first); k < end; k++) {
    const frequency = k * frequencyStep;
    const rise = Math.min(1, (frequency / lowFrequency - TURN_ON) / (1 - TURN_ON));
    const amplitude = model.amplitude(frequency) * (0.5 - 0.5 * Math.cos(Math.PI * rise));
    const phase = model.phase(frequency);
    re[k] = amplitude * Math.cos(phase);
    im[k] = -amplitude * Math.sin(phase);
  }
  const raw = { re, im, frequencyStep };
  const { plus, cross } = toTime(raw, sampleRate);
  let at = 0;
  let best = 0;
  for (let n = 0; n < size; n++) {
    const power = plus[n]! ** 2 + cross[n]! ** 2;
    if (power > best) {
      best = power;
      at = n;
    }
  }
  const coarse = (at > size / 2 ? at - size : at) / sampleRate;
  return shifted(raw, -refinePeak(raw, coarse, 0.5 / sampleRate));
}

/** Both quadratures of a spectrum as time series in strain: `cross` is `plus` turned by 90° (its Hilbert transform). */
export function toTime(
  series: FrequencySeries,
  sampleRate: number,
): { readonly plus: Float64Array; readonly cross: Float64Array } {
  const size = 2 * (series.re.length - 1);
  const fft = createRealFft(size);
  const plus = new Float64Array(size);
  const cross = new Float64Array(size);
  fft.inverse(series.re, series.im, plus);
  fft.inverse(
    series.im,
    series.re.map((value) => -value),
    cross,
  );
  for (let n = 0; n < size; n++) {
    plus[n]! *= sampleRate;
    cross[n]! *= sampleRate;
  }
  return { plus, cross };
}

/** The spectrum of a real time series of even length, in units of the series per Hz. */
export function toFrequency(samples: Float64Array, sampleRate: number): FrequencySeries {
  const fft = createRealFft(samples.length);
  const re = new Float64Array(fft.bins);
  const im = new Float64Array(fft.bins);
  fft.forward(samples, re, im);
  for (let k = 0; k < fft.bins; k++) {
    re[k]! /= sampleRate;
    im[k]! /= sampleRate;
  }
  return { re, im, frequencyStep: sampleRate / samples.length };
}
