import { createRealFft } from "@strainflow/fft";
import {
  createRandom,
  type ProjectedSignal,
  type PsdModel,
  type Template,
  type TemplateBank,
} from "@strainflow/waveforms";

/** A template of the bank, put into the noise of two detectors. */
export interface PlannedInjection {
  /** Place of the template in the bank. */
  readonly template: number;
  /** Optimal SNR of both detectors together. */
  readonly networkSnr: number;
  readonly byIfo: Readonly<Record<string, PlannedArrival>>;
}

export interface PlannedArrival {
  /** Optimal SNR, √(4∫|h̃|²/S df). */
  readonly snr: number;
  /** When the template's amplitude peaks, in samples of the bank's rate since the GPS epoch; no whole number. */
  readonly peak: number;
  /** rad. */
  readonly phase: number;
}

export interface InjectionPlan {
  readonly bank: TemplateBank;
  readonly count: number;
  /** GPS seconds of the first, and seconds from one to the next. */
  readonly first: number;
  readonly spacing: number;
  readonly networkSnr: readonly [number, number];
  readonly seed: string;
}

/**
 * Draws injections: network SNR uniform, shared unevenly between the detectors (the fainter one has at least 1/2 of the whole),
 * up to 9 ms apart, at any place between two samples and of any phase.
 */
export function planInjections(plan: InjectionPlan): readonly PlannedInjection[] {
  const { bank, networkSnr } = plan;
  return Array.from({ length: plan.count }, (_, i) => {
    const random = createRandom(`planned injection ${plan.seed}`, i);
    const between = (low: number, high: number): number => low + (high - low) * random.uniform();
    const snr = between(...networkSnr);
    const share = between(Math.PI / 6, Math.PI / 3);
    const time = plan.first + plan.spacing * i + between(0, 1);
    const delay = between(-0.0045, 0.0045);
    const arrival = (amplitude: number, offset: number): PlannedArrival => ({
      snr: snr * amplitude,
      peak: (time + offset) * bank.sampleRate,
      phase: between(0, 2 * Math.PI),
    });
    return {
      template: Math.floor(between(0, bank.templates.length)),
      networkSnr: snr,
      byIfo: { H1: arrival(Math.cos(share), delay), L1: arrival(Math.sin(share), -delay) },
    };
  });
}

/** Samples either side of a template, at the signal's rate, into which the shift between samples may ring. */
const MARGIN = 64;

/** Optimal SNR of a template as it stands, cut and tapered, in noise of a PSD. */
export function templateSigma({ hc }: Template, sampleRate: number, psd: PsdModel): number {
  const { re, im, df } = spectrumOf(hc, sampleRate);
  let sum = 0;
  for (let k = 1; k < re.length - 1; k++) sum += ((re[k]! ** 2 + im[k]! ** 2) / psd(k * df)) * df;
  return Math.sqrt(4 * sum);
}

/** h̃(f) of a template, padded with zeros to twice its length, in units of the template per Hz. */
export function spectrumOf(
  template: Float64Array,
  sampleRate: number,
): { readonly re: Float64Array; readonly im: Float64Array; readonly df: number } {
  const fft = createRealFft(2 * template.length);
  const padded = new Float64Array(fft.size);
  padded.set(template);
  const re = new Float64Array(fft.bins);
  const im = new Float64Array(fft.bins);
  fft.forward(padded, re, im);
  return {
    re: re.map((x) => x / sampleRate),
    im: im.map((x) => x / sampleRate),
    df: sampleRate / fft.size,
  };
}

/** What the detectors see of an injection, at twice the bank's rate: the template, neither more of it nor less. */
export function signalsOf(
  injection: PlannedInjection,
  bank: TemplateBank,
  psd: PsdModel,
): readonly ProjectedSignal[] {
  const template = bank.templates[injection.template]!;
  const { hc, hs } = template;
  const sigma = templateSigma(template, bank.sampleRate, psd);
  const sampleRate = 2 * bank.sampleRate;
  return Object.entries(injection.byIfo).map(([ifo, { snr, peak, phase }]) => {
    const cos = (snr / sigma) * Math.cos(phase);
    const sin = (snr / sigma) * Math.sin(phase);
    const { re, im } = spectrumOf(
      hc.map((x, n) => cos * x + sin * hs[n]!),
      bank.sampleRate,
    );
    // Twice the rate is twice the bins, the upper half of them empty.
    const fft = createRealFft(4 * hc.length);
    const [upRe, upIm] = [new Float64Array(fft.bins), new Float64Array(fft.bins)];
    const whole = Math.floor(2 * peak);
    const delay = MARGIN + 2 * peak - whole;
    for (let k = 0; k < re.length - 1; k++) {
      const angle = (-2 * Math.PI * k * delay) / fft.size;
      upRe[k] = sampleRate * (re[k]! * Math.cos(angle) - im[k]! * Math.sin(angle));
      upIm[k] = sampleRate * (re[k]! * Math.sin(angle) + im[k]! * Math.cos(angle));
    }
    const data = new Float64Array(fft.size);
    fft.inverse(upRe, upIm, data);
    return {
      ifo,
      sampleRate,
      start: whole - 2 * bank.peakIndex - MARGIN,
      data: data.slice(0, 2 * hc.length + 2 * MARGIN),
      arrivalNs: BigInt(Math.round((peak / bank.sampleRate) * 1e6)) * 1000n,
    };
  });
}
