import { createComplexFft } from "@strainflow/fft";
import { createRandom, type PsdModel, type TemplateBank } from "@strainflow/waveforms";
import { type PlannedInjection, spectrumOf, templateSigma } from "./planned-injections.ts";

/** What is found of an injection within a stride of it: with its own template by detector, and by the network. */
export interface Recovery {
  readonly byIfo: Readonly<Record<string, number>>;
  /** √Σρ² of the loudest coincidence of any template; 0 where there is none. */
  readonly network: number;
}

export interface ExpectationOptions {
  readonly bank: TemplateBank;
  readonly psd: PsdModel;
  /** What a measured PSD leaves of an SNR. */
  readonly efficiency: number;
  readonly strideSize: number;
  /** Least SNR of a detector in a coincidence. */
  readonly singleThreshold: number;
  /** Largest distance of two detectors' peaks, samples. */
  readonly window: number;
}

/** Strides that are looked at: that of the injection, and its neighbours. */
const STRIDES = 3;

/**
 * What an ideal search would find, drawn at random: z of every template in stationary Gaussian noise of known PSD, made bin
 * by bin in the frequency domain, without any of the pipeline.
 */
export function createExpectation(
  options: ExpectationOptions,
): (injection: PlannedInjection, draw: string) => Recovery {
  const { bank, psd, efficiency, strideSize, singleThreshold, window } = options;
  const { sampleRate, templates } = bank;
  const size = 2 * bank.templateSize;
  const bins = size / 2;
  const df = sampleRate / size;
  const fft = createComplexFft(size);
  const density = Float64Array.from({ length: bins }, (_, k) => psd(k * df));
  /** h̃/(σ√S): white, and of norm 1 under 4·Σ|.|²·df. */
  const whitened = templates.map((template) => {
    const { re, im } = spectrumOf(template.hc, sampleRate);
    const sigma = templateSigma(template, sampleRate, psd);
    const scale = (x: number, k: number): number => x / sigma / Math.sqrt(density[k]!);
    return { re: re.subarray(0, bins).map(scale), im: im.subarray(0, bins).map(scale) };
  });
  const [noiseRe, noiseIm] = [new Float64Array(bins), new Float64Array(bins)];
  const [dataRe, dataIm] = [new Float64Array(bins), new Float64Array(bins)];
  const [re, im] = [new Float64Array(size), new Float64Array(size)];

  /** By stride: the peak's SNR, and its place. */
  function peaks(template: number): readonly { readonly snr: number; readonly at: number }[] {
    const own = whitened[template]!;
    re.fill(0);
    im.fill(0);
    for (let k = 1; k < bins; k++) {
      re[k] = 4 * df * (dataRe[k]! * own.re[k]! + dataIm[k]! * own.im[k]!);
      im[k] = 4 * df * (dataIm[k]! * own.re[k]! - dataRe[k]! * own.im[k]!);
    }
    fft.inverse(re, im, re, im);
    return Array.from({ length: STRIDES }, (_, stride) => {
      let best = 0;
      let at = 0;
      for (let lag = stride * strideSize; lag < (stride + 1) * strideSize; lag++) {
        const power = re[lag]! ** 2 + im[lag]! ** 2;
        if (power > best) [best, at] = [power, lag];
      }
      return { snr: Math.sqrt(best) * size, at };
    });
  }

  return (injection, draw) => {
    const reference = referenceStride(injection, strideSize);
    const signal = whitened[injection.template]!;
    const found = Object.entries(injection.byIfo).map(([ifo, { snr, peak, phase }]) => {
      const random = createRandom(`expected recovery ${draw} ${ifo}`);
      random.fillGaussian(noiseRe);
      random.fillGaussian(noiseIm);
      // White noise has E|ñ|² = 1/(2·df), half of it in each part.
      const scale = Math.sqrt(1 / (4 * df));
      const delay = peak - (reference - 1) * strideSize;
      for (let k = 1; k < bins; k++) {
        const angle = phase - (2 * Math.PI * k * delay) / size;
        const [cos, sin] = [efficiency * snr * Math.cos(angle), efficiency * snr * Math.sin(angle)];
        dataRe[k] = scale * noiseRe[k]! + cos * signal.re[k]! - sin * signal.im[k]!;
        dataIm[k] = scale * noiseIm[k]! + sin * signal.re[k]! + cos * signal.im[k]!;
      }
      return { ifo, byTemplate: templates.map((_, template) => peaks(template)) };
    });
    const [one, other] = found;
    let network = 0;
    templates.forEach((_, template) => {
      for (const a of one!.byTemplate[template]!)
        for (const b of other!.byTemplate[template]!)
          if (
            a.snr >= singleThreshold &&
            b.snr >= singleThreshold &&
            Math.abs(a.at - b.at) <= window &&
            Math.hypot(a.snr, b.snr) > network
          )
            network = Math.hypot(a.snr, b.snr);
    });
    return {
      byIfo: Object.fromEntries(
        found.map(({ ifo, byTemplate }) => [
          ifo,
          Math.max(...byTemplate[injection.template]!.map(({ snr }) => snr)),
        ]),
      ),
      network,
    };
  };
}

/** The stride in whose middle detectors' mean time an injection lies. */
export function referenceStride(injection: PlannedInjection, strideSize: number): number {
  const arrivals = Object.values(injection.byIfo);
  return Math.floor(arrivals.reduce((sum, { peak }) => sum + peak, 0) / arrivals.length / strideSize);
}
