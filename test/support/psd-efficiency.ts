import { createRealFft } from "@strainflow/fft";
import { welch } from "@strainflow/steps";
import { createRandom } from "@strainflow/waveforms";

/**
 * The fraction of an SNR that is left when the noise is weighted by a PSD that was measured, not known.
 *
 * With w = S/Ŝ as it is after the inverse ASD was cut to `filterLength`, a filter of weight w/S whose noise has unit variance
 * finds ρ·E[w]/√E[w²]. Both means are taken over seeded white noise, for which S is known.
 */
export function psdEfficiency(settings: {
  readonly psdLength: number;
  readonly fftLength: number;
  readonly filterLength: number;
}): number {
  const sampleRate = 512;
  const fftSize = settings.fftLength * sampleRate;
  const fft = createRealFft(fftSize);
  const noise = new Float64Array(settings.psdLength * sampleRate);
  const half = (settings.filterLength * sampleRate) / 2;
  const [re, im, taps] = [
    new Float64Array(fft.bins),
    new Float64Array(fft.bins),
    new Float64Array(fftSize),
  ] as const;
  let first = 0;
  let second = 0;
  for (let run = 0; run < 24; run++) {
    createRandom("psd efficiency", run).fillGaussian(noise);
    const { values } = welch(noise, { sampleRate, fftSize });
    fft.inverse(
      values.map((s, k) => (k === 0 || k === values.length - 1 ? 0 : 1 / Math.sqrt(s))),
      im.fill(0),
      taps,
    );
    for (let n = 0; n < fftSize; n++) {
      const lag = Math.min(n, fftSize - n);
      taps[n]! *= lag < half ? 0.5 + 0.5 * Math.cos((Math.PI * lag) / half) : 0;
    }
    fft.forward(taps, re, im);
    // The ends of the band are smeared into nothing.
    for (let k = 16; k < fft.bins - 16; k++) {
      first += re[k]! ** 2;
      second += re[k]! ** 4;
    }
  }
  return first / Math.sqrt(second * 24 * (fft.bins - 32));
}
