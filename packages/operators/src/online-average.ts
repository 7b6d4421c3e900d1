import type { Block, InferenceBlock, Quantity, StreamingModel } from "@strainflow/series";
import { createOnlineAverage, type OnlineAverageOptions } from "@strainflow/steps";
import type { OperatorFunction } from "rxjs";
import { through } from "./through.ts";

/**
 * Averages the overlapping series that a model gives of each window, on this side of the server.
 *
 * In: what {@link inferSequence} gives of a model whose output is `[strides, channels, kernelSize]`. Out: one series at
 * the stream's own rate, each sample the mean of `numUpdates` kernels; it lags by `numUpdates − 1` strides, and what is
 * still waiting when the stream completes is flushed.
 *
 * @param channels names of the channels that come out
 *
 * @example
 * ```ts
 * strain.pipe(inferSequence(denoiser), onlineAverage(denoiser, ["H1"], { quantity: "strain", output: "clean", kernelSize: 4096, numUpdates: 4 }));
 * ```
 */
export function onlineAverage<Q extends Quantity>(
  model: StreamingModel,
  channels: readonly string[],
  options: Omit<OnlineAverageOptions<Q>, "sampleRate" | "channels" | "updateSize">,
): OperatorFunction<InferenceBlock, Block<Q>> {
  const { sampleRate, strideSize } = model.streaming;
  return through(() => createOnlineAverage({ ...options, sampleRate, channels, updateSize: strideSize }));
}
