import type { InferenceBlock, StreamingModel } from "@strainflow/series";
import { createRankTriggers, type RankedTriggersBlock, type RankTriggersOptions } from "@strainflow/steps";
import type { OperatorFunction } from "rxjs";
import { through } from "./through.ts";

/**
 * Combines the detectors' triggers: for each output the template that is loudest in the network.
 *
 * In: what {@link inferSequence} gives of a matched-filter model, whose output `triggers` holds the peak SNR, its
 * offset and its phase for each detector and template. Out: for each stride the network SNR, root of the sum of squares
 * over the detectors that have a peak of the same template within light-travel time, and the candidate behind it; 0 and
 * no candidate where there is no coincidence. Rates, strides and reach are the model's.
 *
 * @example
 * ```ts
 * strain.pipe(overWhiten(), inferSequence(detector), rankTriggers(detector, { templates: 32, lightTravelTime }));
 * ```
 */
export function rankTriggers(
  model: StreamingModel,
  options: Omit<RankTriggersOptions, "channels" | "sampleRate" | "strideSize" | "memory" | "latency">,
): OperatorFunction<InferenceBlock, RankedTriggersBlock> {
  const { sampleRate, strideSize, memory, latency, channels } = model.streaming;
  return through(() => createRankTriggers({ ...options, channels, sampleRate, strideSize, memory, latency }));
}
