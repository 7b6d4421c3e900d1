import type { Block } from "@strainflow/series";
import { type ClusterOptions, createCluster, type ScoreEvent } from "@strainflow/steps";
import type { OperatorFunction } from "rxjs";
import { through } from "./through.ts";

/**
 * Makes events of a score: one for each peak that nothing louder follows within half a window.
 *
 * In: a `score` series. Out: events, each as soon as half a window after it has been seen; a gap or the end of the
 * stream closes what there is. The same events as clustering the whole series at once.
 *
 * ```
 * score   ──▁▂▇▃▁──▁▁▁▁──|
 *           cluster({ clusterLength: 1 })
 * events  ───────●───────|
 * ```
 *
 * @example
 * ```ts
 * score.pipe(cluster({ clusterLength: 8, threshold: 5 })).subscribe((event) => console.log(event.gpsNs));
 * ```
 */
export function cluster(
  options: Omit<ClusterOptions, "sampleRate" | "channels">,
): OperatorFunction<Block<"score">, ScoreEvent> {
  return through((format) => createCluster({ ...options, ...format }));
}
