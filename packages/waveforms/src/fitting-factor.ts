import type { Binary } from "./binary.ts";
import { match } from "./match.ts";
import { advancedLigoDesign, type PsdModel, samplePsd } from "./psd-models.ts";
import { createTemplate, type TemplateShape } from "./templates.ts";
import { createWaveform, toFrequency, waveformSize } from "./waveform.ts";

export interface FittingOptions extends TemplateShape {
  /** Default {@link advancedLigoDesign}. */
  readonly psd?: PsdModel;
  /** Hz where the signals, and the matches, begin. Default: the templates' `lowFrequency`. */
  readonly signalLowFrequency?: number;
}

/**
 * How well a bank of templates, cut to their window, catches whole signals: for each signal the greatest match with any
 * template. One less it is the fraction of SNR that the bank loses.
 *
 * @returns fitting factors, 0 to 1, in the order of `signals`
 */
export function fittingFactors(
  signals: readonly Binary[],
  bank: readonly Binary[],
  options: FittingOptions = {},
): readonly number[] {
  const { psd = advancedLigoDesign, sampleRate = 2048 } = options;
  const lowFrequency = options.signalLowFrequency ?? options.lowFrequency ?? 30;
  const shape = { sampleRate, lowFrequency };
  const least = 2 * (options.templateSize ?? sampleRate);
  const size = signals.reduce((most, binary) => Math.max(most, waveformSize({ ...binary, ...shape })), least);
  const weighting = {
    psd: samplePsd(psd, { bins: size / 2 + 1, frequencyStep: sampleRate / size }),
    lowFrequency,
  };
  const templates = bank.map((binary) => {
    const padded = new Float64Array(size);
    padded.set(createTemplate(binary, options).hc);
    return toFrequency(padded, sampleRate);
  });
  return signals.map((binary) => {
    const signal = createWaveform({ ...binary, ...shape, size });
    return templates.reduce((best, template) => Math.max(best, match(signal, template, weighting).match), 0);
  });
}
