import { createRealFft } from "@strainflow/fft";
import { checkSampleRate, invalidOption } from "@strainflow/series";
import type { PsdModel } from "./psd-models.ts";
import { createRandom } from "./random.ts";

export interface NoiseOptions {
  /** Same seed, same noise: any text or number. */
  readonly seed: string | number;
  /** Detector: noise of two detectors is independent. */
  readonly ifo: string;
  /** One-sided, 1/Hz. */
  readonly psd: PsdModel;
  /** Hz. */
  readonly sampleRate: number;
  /**
   * Seconds of the colouring filter. Default 1: it smooths the spectrum over about 1 Hz, which moves that of a
   * ground-based detector by less than 1 % above 15 Hz. Sharp lines need more.
   */
  readonly filterLength?: number;
}

/** Endless stationary Gaussian noise, at any place on the clock. */
export interface Noise {
  readonly sampleRate: number;
  /** Strain of samples `[start, start + size)`, counted from the GPS epoch. */
  read(start: number, size: number): Float64Array;
}

/**
 * Coloured Gaussian noise of a stated PSD, float64 strain.
 *
 * A sample depends only on the options and its absolute index, never on how the stream is cut or where it began: white
 * noise comes in blocks, each keyed by its place on the clock, and is coloured by a zero-phase FIR filter in FFT blocks
 * that are anchored to the clock as well. Reading forward costs each block once.
 *
 * @throws `invalid-option`
 */
export function createNoise(options: NoiseOptions): Noise {
  const { seed, ifo, psd, sampleRate, filterLength = 1 } = options;
  checkSampleRate("createNoise", sampleRate);
  const half = Math.round((filterLength * sampleRate) / 2);
  if (!(half >= 4))
    throw invalidOption("createNoise", "filterLength", filterLength, "at least 8 samples long, in s");
  const hop = 6 * half;
  const size = hop + 2 * half;
  const fft = createRealFft(size);
  const response = colouringResponse(psd, sampleRate, half, size);
  const key = `strainflow noise ${seed} ${ifo} ${sampleRate} ${half}`;
  const white = new Float64Array(size);
  const re = new Float64Array(fft.bins);
  const im = new Float64Array(fft.bins);
  const coloured = new Float64Array(size);
  let current = Number.NaN;
  const compute = (block: number): void => {
    if (block === current) return;
    // White block j covers [j·half, (j+1)·half); the filter reaches half a filter beyond both ends of the hop.
    for (let j = 0; j < 8; j++)
      createRandom(key, block * 6 - 1 + j).fillGaussian(white.subarray(j * half, (j + 1) * half));
    fft.forward(white, re, im);
    for (let k = 0; k < fft.bins; k++) {
      re[k]! *= response[k]!;
      im[k]! *= response[k]!;
    }
    fft.inverse(re, im, coloured);
    current = block;
  };
  return {
    sampleRate,
    read(start, count) {
      if (!Number.isSafeInteger(start))
        throw invalidOption("read", "start", start, "a whole number of samples");
      if (!Number.isSafeInteger(count) || count < 0)
        throw invalidOption("read", "size", count, "a whole number of samples");
      const output = new Float64Array(count);
      for (let done = 0; done < count; ) {
        const block = Math.floor((start + done) / hop);
        const from = start + done - block * hop;
        const length = Math.min(hop - from, count - done);
        compute(block);
        output.set(coloured.subarray(half + from, half + from + length), done);
        done += length;
      }
      return output;
    },
  };
}

/** Real response of the zero-phase filter √(S·rate/2), cut to ±`half` samples by a Hann window, on `size`/2 + 1 bins. */
function colouringResponse(psd: PsdModel, sampleRate: number, half: number, size: number): Float64Array {
  const fft = createRealFft(size);
  const zeros = new Float64Array(fft.bins);
  const ideal = Float64Array.from(zeros, (_, k) => {
    const density = psd((k * sampleRate) / size);
    if (!(density >= 0) || !Number.isFinite(density))
      throw invalidOption(
        "createNoise",
        `psd(${(k * sampleRate) / size})`,
        density,
        "finite and not negative, in 1/Hz",
      );
    return Math.sqrt((density * sampleRate) / 2);
  });
  const impulse = new Float64Array(size);
  fft.inverse(ideal, zeros, impulse);
  for (let n = 0; n <= size / 2; n++) {
    const window = n < half ? 0.5 + 0.5 * Math.cos((Math.PI * n) / half) : 0;
    impulse[n]! *= window;
    if (n > 0 && n < size / 2) impulse[size - n]! *= window;
  }
  const response = new Float64Array(fft.bins);
  fft.forward(impulse, response, zeros);
  return response;
}
