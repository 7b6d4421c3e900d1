import {
  type ClusterTriggersOptions,
  createClusterTriggers,
  type Detection,
  type RankedTriggersBlock,
} from "@strainflow/steps";
import type { OperatorFunction } from "rxjs";
import { through } from "./through.ts";

/**
 * Makes detections of ranked triggers: the loudest candidate of its surroundings, above a threshold.
 *
 * In: what {@link rankTriggers} gives. Out: detections with their time, SNR and phase by detector, and the span of
 * input that each was computed from; each once half a window after it has been seen.
 *
 * @example
 * ```ts
 * triggers.pipe(clusterTriggers({ threshold: 8 })).subscribe((detection) => console.log(detection.statistic));
 * ```
 */
export function clusterTriggers(
  options: Omit<ClusterTriggersOptions, "sampleRate">,
): OperatorFunction<RankedTriggersBlock, Detection> {
  return through(({ sampleRate }) => createClusterTriggers({ ...options, sampleRate }));
}
