import { checkSampleRate, invalidOption, type SampleArray } from "@strainflow/series";
import { welch } from "./psd.ts";
import type { PsdAverage } from "./psd-average.ts";
import type { PsdDetrend } from "./psd-periodogram.ts";
import type { TaperName } from "./taper.ts";
import { createBlockWhiten } from "./whiten.ts";

export interface PreprocessOptions {
  /** Hz. */
  readonly sampleRate: number;
  /** Seconds of a kernel. Default 1.5. */
  readonly kernelLength?: number;
  /** Kernels per second. Default 4. */
  readonly inferenceSamplingRate?: number;
  /** Kernels per update. Default 128. */
  readonly batchSize?: number;
  /** Seconds that the whitening filter is cut to. Default 1. */
  readonly filterLength?: number;
  /** Seconds that the PSD is made of. Default 64. */
  readonly psdLength?: number;
  /** Seconds of one PSD segment. Default 2.5. */
  readonly fftLength?: number;
  /** Seconds that neighbouring segments share. Default: half of `fftLength`. */
  readonly overlapLength?: number;
  /** Default `"median"`. */
  readonly average?: PsdAverage;
  /** Hz. Default 32; `null`: none. */
  readonly highpass?: number | null;
  /** Hz. Default: none. */
  readonly lowpass?: number;
  /** Default `"hann"`; or the weights themselves. */
  readonly taper?: TaperName | SampleArray;
  /** Default: `"fast"` with a high-pass, which drops the bins that it spoils, `"exact"` without. */
  readonly detrend?: PsdDetrend;
  /** `"ml4gw"`: float32 taper, and the PSD interpolated half a bin off, as a network behind that library has seen it. */
  readonly compatibility?: "ml4gw";
}

/** What one update gives. */
export interface Preprocessed {
  /** Per channel, one-sided, units²/Hz. */
  readonly psds: readonly Float64Array[];
  /** Per channel, kernelSize + (batchSize − 1)·strideSize samples. */
  readonly whitened: readonly Float32Array[];
  /** `[batchSize, channels, kernelSize]`, row-major. */
  readonly kernels: Float32Array;
}

export interface Preprocess {
  readonly kernelSize: number;
  readonly strideSize: number;
  /** Samples of an update: batchSize strides. */
  readonly updateSize: number;
  /** Samples that a state carries from one update to the next. */
  readonly stateSize: number;
  /**
   * The kernels of the newest update; pure.
   *
   * @param window per channel stateSize + updateSize samples: state, then update
   * @param background where the PSD comes from, if not from the window itself: the same stretch without injections
   */
  apply(window: readonly SampleArray[], background?: readonly SampleArray[]): Preprocessed;
  /** The state that follows a window: its last `stateSize` samples. A first state is all zeros. */
  nextState(window: readonly SampleArray[]): SampleArray[];
}

/**
 * aframe's arrangement behind a server: raw strain in, a state of `stateSize` samples, one PSD per update from the oldest
 * `psdLength` seconds, the rest whitened by it and cut into overlapping kernels.
 *
 * Kernel j of an update that begins at T has its right edge at T + (j + 1)/inferenceSamplingRate − filterLength/2.
 * It is here for parity and for the native form of the server's step; a new network had better stand behind
 * `createWhiten`, whose values do not depend on how the stream was cut into updates.
 *
 * @throws `invalid-option` if a length is no whole number of samples
 */
export function createPreprocess(options: PreprocessOptions): Preprocess {
  const where = "createPreprocess";
  const { sampleRate, inferenceSamplingRate = 4, batchSize = 128, lowpass, compatibility } = options;
  checkSampleRate(where, sampleRate);
  const samples = (option: string, length: number): number => {
    const size = Math.round(length * sampleRate);
    if (!(size >= 1) || Math.abs(size - length * sampleRate) > 1e-6)
      throw invalidOption(where, option, length, `a whole number of samples at ${sampleRate} Hz`);
    return size;
  };
  const highpass = options.highpass === undefined ? 32 : (options.highpass ?? undefined);
  const fftLength = options.fftLength ?? 2.5;
  const filterLength = options.filterLength ?? 1;
  const kernelSize = samples("kernelLength", options.kernelLength ?? 1.5);
  const strideSize = samples("inferenceSamplingRate", 1 / inferenceSamplingRate);
  const filterSize = samples("filterLength", filterLength);
  const psdSize = samples("psdLength", options.psdLength ?? 64);
  const fftSize = samples("fftLength", fftLength);
  const overlapSize = Math.round((options.overlapLength ?? fftLength / 2) * sampleRate);
  if (!Number.isInteger(batchSize) || batchSize < 1)
    throw invalidOption(where, "batchSize", batchSize, "a whole number of kernels ≥ 1");

  const updateSize = strideSize * batchSize;
  const whitenedSize = kernelSize + (batchSize - 1) * strideSize;
  const stateSize = kernelSize + filterSize + psdSize - strideSize;
  const whitener = createBlockWhiten(whitenedSize + filterSize, {
    sampleRate,
    filterLength,
    ...(highpass === undefined ? {} : { highpass }),
    ...(lowpass === undefined ? {} : { lowpass }),
    ...(compatibility === undefined ? {} : { compatibility }),
  });
  const spectrum = {
    sampleRate,
    fftSize,
    overlapSize,
    average: options.average ?? "median",
    taper: options.taper ?? "hann",
    detrend: options.detrend ?? (highpass === undefined ? "exact" : "fast"),
    ...(compatibility === undefined ? {} : { compatibility }),
  } as const;
  const check = (window: readonly SampleArray[]): void => {
    const wrong = window.find(({ length }) => length !== stateSize + updateSize);
    if (wrong !== undefined)
      throw invalidOption(where, "window", `${wrong.length} samples`, `${stateSize + updateSize}`);
  };

  return {
    kernelSize,
    strideSize,
    updateSize,
    stateSize,
    apply(window, background = window) {
      check(window);
      check(background);
      const psds = background.map((x) => welch(x.subarray(0, psdSize), spectrum).values);
      const whitened = window.map((x, channel) => whitener.whiten(x.subarray(psdSize), psds[channel]!));
      const kernels = new Float32Array(batchSize * window.length * kernelSize);
      for (let j = 0; j < batchSize; j++) {
        whitened.forEach((x, channel) => {
          const from = j * strideSize;
          kernels.set(x.subarray(from, from + kernelSize), (j * window.length + channel) * kernelSize);
        });
      }
      return { psds, whitened, kernels };
    },
    nextState(window) {
      check(window);
      return window.map((x) => x.slice(x.length - stateSize));
    },
  };
}
