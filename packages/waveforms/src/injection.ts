import { type Block, invalidOption, nearestIndex, secondsToNs, type TimeSeries } from "@strainflow/series";
import type { Binary } from "./binary.ts";
import { antennaPattern, arrivalDelay, type SkyLocation } from "./detectors.ts";
import { type FrequencySeries, shifted } from "./frequency-series.ts";
import { sigma } from "./match.ts";
import { type PsdModel, samplePsd } from "./psd-models.ts";
import { createWaveform, toTime, waveformSize } from "./waveform.ts";

/** One signal from the sky: a binary, and how it stands to the Earth. */
export interface Injection extends Binary, SkyLocation {
  /** GPS time in ns at which the maximum of the wave's amplitude passes the centre of the Earth. */
  readonly gpsNs: bigint;
  /** Luminosity distance in Mpc. */
  readonly distance: number;
  /** Angle between the orbital angular momentum and the line of sight, in rad: 0 is face-on. */
  readonly inclination: number;
  /** Orbital phase in rad; the wave turns by twice as much. */
  readonly phase: number;
}

/** How a signal is made. */
export interface ProjectionOptions {
  /** Detector prefix: `H1`. */
  readonly ifo: string;
  /** Hz. */
  readonly sampleRate: number;
  /** Hz from which on the signal is complete. Default 20. */
  readonly lowFrequency?: number;
}

/** What a detector sees of a signal, on the clock. */
export interface ProjectedSignal {
  readonly ifo: string;
  readonly sampleRate: number;
  /** Index of the first sample, counted from the GPS epoch. */
  readonly start: number;
  /** Strain. */
  readonly data: Float64Array;
  /** GPS time in ns at which the amplitude's maximum reaches the detector. */
  readonly arrivalNs: bigint;
}

/** Seconds after the peak that a projected signal goes on: a hundred damping times of a hole of 100 M☉. */
const AFTER_PEAK = 0.5;

/** GPS ns at which the amplitude's maximum reaches a detector. */
export function arrivalNs(injection: Injection, ifo: string): bigint {
  return injection.gpsNs + secondsToNs(arrivalDelay(ifo, injection, injection.gpsNs));
}

/**
 * The spectrum of what a detector sees, with the peak at time 0: (F₊(1+cos²ι)/2 − i F× cos ι) h̃ e^{2iφ}.
 *
 * @param options.size samples of the cyclic time series; default {@link waveformSize}
 */
export function projectedSpectrum(
  injection: Injection,
  options: ProjectionOptions & { readonly size?: number },
): FrequencySeries {
  const face = createWaveform({ ...binaryOf(injection), ...options });
  const { plus, cross } = antennaPattern(options.ifo, injection, injection.gpsNs);
  const cos = Math.cos(injection.inclination);
  const [re, im] = [(plus * (1 + cos * cos)) / 2, -cross * cos];
  return shifted(face, 0, 2 * injection.phase + Math.atan2(im, re), Math.hypot(re, im));
}

/**
 * A signal as one detector sees it: right in arrival time (to the nanosecond, not the sample), amplitude and phase.
 *
 * @throws `invalid-option`, `unknown-detector`
 */
export function projectInjection(injection: Injection, options: ProjectionOptions): ProjectedSignal {
  const { ifo, sampleRate } = options;
  const size = waveformSize({ ...binaryOf(injection), ...options });
  const arrival = arrivalNs(injection, ifo);
  const index = nearestIndex(arrival, sampleRate);
  const after = Math.round(AFTER_PEAK * sampleRate);
  const fraction = fractionOf(arrival, index, sampleRate);
  const spectrum = projectedSpectrum(injection, { ...options, size });
  const { plus } = toTime(shifted(spectrum, fraction), sampleRate);
  const before = size - after;
  const data = new Float64Array(size);
  data.set(plus.subarray(after), 0);
  data.set(plus.subarray(0, after), before);
  // The signal has faded in by itself; this only makes sure that both ends meet zero.
  const taper = Math.floor(after / 4);
  for (let n = 0; n < taper; n++) {
    const factor = 0.5 - 0.5 * Math.cos((Math.PI * n) / taper);
    data[n]! *= factor;
    data[size - 1 - n]! *= factor;
  }
  return { ifo, sampleRate, start: index - before, data, arrivalNs: arrival };
}

/** Seconds from sample `index` to a GPS time near it. */
function fractionOf(gpsNs: bigint, index: number, sampleRate: number): number {
  const second = Math.floor(index / sampleRate);
  return Number(gpsNs - BigInt(second) * 1_000_000_000n) / 1e9 - (index - second * sampleRate) / sampleRate;
}

function binaryOf({
  mass1,
  mass2,
  spin1 = 0,
  spin2 = 0,
  distance,
}: Injection): Binary & { readonly distance: number } {
  return { mass1, mass2, spin1, spin2, distance };
}

/**
 * The SNR that a perfect matched filter would find on average, √(4∫|h̃|²/S df), in one detector.
 *
 * @param options.psd one-sided PSD of that detector's noise
 * @param options.lowFrequency Hz where the integral begins. Default 20
 * @param options.sampleRate Hz; the integral ends at half of it. Default 4096
 */
export function optimalSnr(
  injection: Injection,
  options: {
    readonly ifo: string;
    readonly psd: PsdModel;
    readonly lowFrequency?: number;
    readonly sampleRate?: number;
  },
): number {
  const { sampleRate = 4096, lowFrequency = 20, psd } = options;
  const spectrum = projectedSpectrum(injection, { ...options, sampleRate, lowFrequency });
  const { frequencyStep } = spectrum;
  return sigma(spectrum, {
    psd: samplePsd(psd, { bins: spectrum.re.length, frequencyStep }),
    lowFrequency,
  });
}

/** Detectors and their noise. */
export interface NetworkOptions {
  readonly ifos: readonly string[];
  /** One PSD for all, or one for each by its prefix. */
  readonly psd: PsdModel | Readonly<Record<string, PsdModel>>;
  readonly lowFrequency?: number;
  readonly sampleRate?: number;
}

/** Root of the sum of the squared optimal SNRs, and each of them. */
export function networkSnr(
  injection: Injection,
  options: NetworkOptions,
): { readonly network: number; readonly byIfo: Readonly<Record<string, number>> } {
  const { ifos, psd } = options;
  if (ifos.length === 0) throw invalidOption("networkSnr", "ifos", "empty", "at least one detector");
  const byIfo = Object.fromEntries(
    ifos.map((ifo) => [ifo, optimalSnr(injection, { ...options, ifo, psd: psdOf(psd, ifo) })]),
  );
  return { network: Math.hypot(...Object.values(byIfo)), byIfo };
}

/** The model for one detector. @throws `invalid-option` */
export function psdOf(psd: PsdModel | Readonly<Record<string, PsdModel>>, ifo: string): PsdModel {
  const model = typeof psd === "function" ? psd : psd[ifo];
  if (model === undefined) throw invalidOption("psdOf", "psd", `without ${ifo}`, `given for every detector`);
  return model;
}

/** The same source at the distance that gives a stated network optimal SNR. */
export function scaleToSnr(injection: Injection, snr: number, options: NetworkOptions): Injection {
  if (!(snr > 0)) throw invalidOption("scaleToSnr", "snr", snr, "a positive number");
  return { ...injection, distance: (injection.distance * networkSnr(injection, options).network) / snr };
}

/**
 * Adds signals to a block of strain, each to its detector's channel. Where nothing falls into the block it is given back
 * as it came, gaps always. The sum of a sample does not depend on how the stream was cut.
 *
 * @throws `invalid-option` if a signal has another rate than the block
 */
export function addInjections<B extends Block>(
  block: B,
  signals: readonly ProjectedSignal[],
): B | TimeSeries<B["quantity"]> {
  if (block.kind === "gap") return block;
  const series: TimeSeries<B["quantity"]> = block;
  const end = series.start + series.size;
  let touched = false;
  const data = series.data.map((channel, c) => {
    const ifo = series.channels[c]!;
    let sum: Float64Array | undefined;
    for (const signal of signals) {
      if (!matchesChannel(ifo, signal.ifo)) continue;
      if (signal.sampleRate !== series.sampleRate)
        throw invalidOption(
          "addInjections",
          "sampleRate",
          signal.sampleRate,
          `the block's, ${series.sampleRate} Hz`,
        );
      const from = Math.max(series.start, signal.start);
      const to = Math.min(end, signal.start + signal.data.length);
      if (from >= to) continue;
      sum ??= Float64Array.from(channel);
      for (let n = from; n < to; n++) sum[n - series.start]! += signal.data[n - signal.start]!;
    }
    if (sum !== undefined) touched = true;
    return sum ?? channel;
  });
  return touched ? { ...series, data } : block;
}

/** A channel is a detector's if it is its prefix, alone or before a colon: `H1`, `H1:GDS-CALIB_STRAIN`. */
function matchesChannel(channel: string, ifo: string): boolean {
  return channel === ifo || channel.startsWith(`${ifo}:`);
}
