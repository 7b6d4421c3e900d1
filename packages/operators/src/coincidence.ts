import {
  type Coincidence,
  type CoincidenceOptions,
  createCoincidence,
  type SingleTrigger,
} from "@strainflow/steps";
import type { OperatorFunction } from "rxjs";
import { through } from "./through.ts";

/**
 * Pairs the triggers of different detectors that one signal can have caused.
 *
 * In: triggers in order of time, as {@link cluster} gives them of a score with a channel per detector. Out: every pair
 * within light-travel time and pad.
 *
 * @example
 * ```ts
 * scores.pipe(cluster({ clusterLength: 1, threshold: 5 }), coincidence({ ifos: ["H1", "L1"], lightTravelTime: { "H1-L1": 0.010013 } }));
 * ```
 */
export function coincidence(
  options: Omit<CoincidenceOptions, "sampleRate">,
): OperatorFunction<SingleTrigger, Coincidence> {
  return through(({ sampleRate }) => createCoincidence({ ...options, sampleRate }));
}
