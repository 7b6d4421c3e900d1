import type { Block, Quantity } from "@strainflow/series";
import { createSlidingWindow, type SlidingWindowOptions, type WindowBlock } from "@strainflow/steps";
import type { OperatorFunction } from "rxjs";
import { through } from "./through.ts";

/**
 * Cuts a stream into overlapping windows, for arithmetic of one's own.
 *
 * In: any blocks. Out: a window for each stride of the absolute grid, views on what came in; windows that touch a gap
 * are gaps. For a model on a server use {@link inferSequence}, which sends only what is new.
 *
 * @example
 * ```ts
 * strain.pipe(whiten(), slidingWindow({ windowSize: 4096, strideSize: 1024 }));
 * ```
 */
export function slidingWindow<Q extends Quantity>(
  options: Omit<SlidingWindowOptions, "sampleRate" | "channels">,
): OperatorFunction<Block<Q>, WindowBlock<Q>> {
  return through((format) => createSlidingWindow<Q>({ ...options, ...format }));
}
