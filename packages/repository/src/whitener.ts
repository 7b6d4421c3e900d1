import { invalidOption } from "@strainflow/series";
import { type Placement, positive } from "./model-config.ts";
import { createGraph } from "./onnx/graph.ts";
import { onnxModel } from "./onnx-model.ts";
import type { Model } from "./repository.ts";
import { addWelch } from "./welch-graph.ts";
import { addWhitening } from "./whitening-graph.ts";

/** What decides how strain becomes kernels inside the ensemble; aframe's words, lengths in seconds. */
export interface WhiteningChain {
  /** Hz. */
  readonly sampleRate: number;
  /** Hz of outputs; divides the sample rate. */
  readonly inferenceSamplingRate: number;
  /** Kernels per request, B. */
  readonly batchSize: number;
  /** Default 1.5 s, aframe's. */
  readonly kernelLength?: number;
  /** Length of the whitening filter; half of it is lost on each side. Default 1 s, aframe's. */
  readonly fduration?: number;
  /** Stretch before the whitened part that the PSD is measured on. Default 64 s, aframe's. */
  readonly psdLength?: number;
  /** Length of one segment of the PSD, half overlapping. Default 2 s, as aframe exports. */
  readonly fftLength?: number;
  /** Hz. Default 32, aframe's. */
  readonly highpass?: number;
  /** Hz. Default none. */
  readonly lowpass?: number;
}

/** The chain in samples. */
export interface WhiteningSizes {
  readonly strideSize: number;
  /** Samples of a request. */
  readonly updateSize: number;
  readonly kernelSize: number;
  readonly filterSize: number;
  readonly psdSize: number;
  readonly segmentSize: number;
  /** Samples that are whitened at once: filter, kernel and all strides but one. */
  readonly whitenedSize: number;
  /** Samples kept from request to request. */
  readonly stateSize: number;
}

/** @throws `invalid-option` where a length is not a whole number of samples, or the PSD has no two segments */
export function whiteningSizes(name: string, chain: WhiteningChain): WhiteningSizes {
  const { sampleRate, inferenceSamplingRate, batchSize } = chain;
  const { kernelLength = 1.5, fduration = 1, psdLength = 64, fftLength = 2 } = chain;
  const samples = (option: string, length: number): number => {
    const size = length * sampleRate;
    if (!Number.isSafeInteger(size) || size < 1)
      throw invalidOption(name, option, length, `a whole number of samples at ${sampleRate} Hz`);
    return size;
  };
  const strideSize = sampleRate / inferenceSamplingRate;
  positive(name, "sampleRate / inferenceSamplingRate", strideSize);
  positive(name, "batchSize", batchSize);
  const kernelSize = samples("kernelLength", kernelLength);
  const filterSize = samples("fduration", fduration);
  const psdSize = samples("psdLength", psdLength);
  const segmentSize = samples("fftLength", fftLength);
  if (filterSize % 2 === 1) throw invalidOption(name, "fduration", fduration, "an even number of samples");
  if (segmentSize % 2 === 1) throw invalidOption(name, "fftLength", fftLength, "an even number of samples");
  if (segmentSize > psdSize)
    throw invalidOption(name, "fftLength", fftLength, `at most psdLength, ${psdLength}`);
  const whitenedSize = kernelSize + filterSize + (batchSize - 1) * strideSize;
  return {
    strideSize,
    updateSize: strideSize * batchSize,
    kernelSize,
    filterSize,
    psdSize,
    segmentSize,
    whitenedSize,
    stateSize: psdSize + whitenedSize - strideSize * batchSize,
  };
}

export interface WhitenerOptions extends WhiteningChain, Placement {
  /** Default `preprocessor`. */
  readonly name?: string;
  /** Number of detectors, D. */
  readonly channels: number;
  /** Rows of the input: with 2, the first gives the PSD and the second is whitened (aframe's injections). Default 2. */
  readonly streams?: 1 | 2;
  /** Whether the mean is taken off the whole PSD stretch (default, aframe's) or off each segment. */
  readonly detrend?: "whole" | "segments";
  /**
   * The PSD's window, `fftLength` in samples. Default: the periodic Hann in float32 arithmetic, which is torch's but for the
   * last bit of one value in thirty; torch's own values bring kernels from 4e-5 to 1e-5 of the reference's.
   */
  readonly psdWindow?: Float64Array;
  /** Default `strain`. */
  readonly input?: string;
  /** Default `X`. */
  readonly output?: string;
}

/**
 * aframe's preprocessing as an ONNX step: takes state and update together, `[streams, D, state + update]`, measures a
 * median PSD on the oldest `psdLength`, whitens the rest with it, and cuts the B kernels, `[B, D, kernel]`. Kernel b
 * ends fduration/2 before the end of the (b + 1)-th stride of the update.
 *
 * For networks that were trained behind it. FP64 inside: the square of strain has no place in FP32. Numbers as of
 * ml4gw 0.8, whose window, scale and median bias are float32.
 *
 * @throws `invalid-option`
 */
export function buildWhitener(options: WhitenerOptions): Model {
  const { name = "preprocessor", streams = 2, input = "strain", output = "X", sampleRate } = options;
  const channels = positive(name, "channels", options.channels);
  const { batchSize, highpass = 32, lowpass, detrend = "whole" } = options;
  const sizes = whiteningSizes(name, options);
  const { strideSize, kernelSize, filterSize, psdSize, segmentSize, whitenedSize } = sizes;
  if (options.psdWindow !== undefined && options.psdWindow.length !== segmentSize)
    throw invalidOption(name, "psdWindow", `of ${options.psdWindow.length} samples`, `of ${segmentSize}`);
  const inputShape = [streams, channels, sizes.stateSize + sizes.updateSize];
  const outputShape = [batchSize, channels, kernelSize];

  const g = createGraph(name);
  const strain = g.op("Cast", [g.input(input, "FP32", inputShape)], { to: 11 });
  const cut = (row: number, from: number, to: number) =>
    g.op("Squeeze", [
      g.op("Slice", [strain, g.ints([row, from]), g.ints([row + 1, to]), g.ints([0, 2])]),
      g.ints([0]),
    ]);
  const psd = addWelch(g, cut(0, 0, psdSize), {
    rows: channels,
    size: psdSize,
    sampleRate,
    segmentSize,
    hopSize: segmentSize / 2,
    average: "median",
    detrend,
    ...(options.psdWindow === undefined ? {} : { window: options.psdWindow }),
  });
  const whitened = addWhitening(g, cut(streams - 1, psdSize, psdSize + whitenedSize), psd, {
    rows: channels,
    size: whitenedSize,
    psdBins: segmentSize / 2 + 1,
    sampleRate,
    filterSize,
    ...(highpass === 0 ? {} : { highpass }),
    ...(lowpass === undefined ? {} : { lowpass }),
  });
  const kernels = Array.from({ length: batchSize }, (_, b) =>
    g.op("Unsqueeze", [
      g.op("Slice", [whitened, g.ints([b * strideSize]), g.ints([b * strideSize + kernelSize]), g.ints([1])]),
      g.ints([0]),
    ]),
  );
  g.output(output, g.op("Concat", kernels, { axis: 0 }), "FP32", outputShape);
  return onnxModel(
    {
      name,
      inputs: [{ name: input, type: "FP32", shape: inputShape }],
      outputs: [{ name: output, type: "FP32", shape: outputShape }],
      onnx: g.toBytes(),
    },
    options,
  );
}
