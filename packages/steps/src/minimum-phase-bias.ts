import { simulatePsds, type WhitenBiasOptions } from "./whiten-bias.ts";
import { createMinimumPhaseDesign } from "./whiten-minimum-phase.ts";

const known = new Map<string, number>();

/**
 * The factor on data whitened at minimum phase by an estimated spectrum that makes their variance 1, as `whitenBias` has
 * it for zero phase: the folding of the cepstrum moves the magnitude by about one per cent, so it is measured apart.
 */
export function minimumPhaseBias(options: WhitenBiasOptions): number {
  const key = JSON.stringify(Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1)));
  const before = known.get(key);
  if (before !== undefined) return before;
  const { sampleRate, fftSize, filterSize, highpass, lowpass } = options;
  const filterLength = filterSize / sampleRate;
  const bins = Math.floor(fftSize / 2) + 1;
  const design = createMinimumPhaseDesign(bins, { sampleRate, filterLength, highpass, lowpass });
  let variance = 0;
  const runs = simulatePsds(options, (psd) => {
    // White noise of a one-sided PSD of 1 has variance sampleRate/2.
    variance += (design(psd).reduce((sum, tap) => sum + tap * tap, 0) * sampleRate) / 2;
  });
  const factor = Math.sqrt(runs / variance);
  known.set(key, factor);
  return factor;
}
