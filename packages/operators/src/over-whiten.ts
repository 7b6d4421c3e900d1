import type { Block } from "@strainflow/series";
import { createOverWhiten, type OverWhitenOptions } from "@strainflow/steps";
import type { OperatorFunction } from "rxjs";
import { through } from "./through.ts";

/**
 * Divides strain by a PSD of its own past: what a matched filter with raw templates needs.
 *
 * In: strain, any channels, float64. Out: the same channels and rate, float32; every block carries the spectrum that it
 * was divided by as the side tensor `inverse_psd` `[channels, bins]`, which {@link inferSequence} hands to a model with
 * an input of that name. Gaps as in {@link whiten}.
 *
 * @example
 * ```ts
 * strain.pipe(overWhiten({ psdLength: 8 }), inferSequence(detector), rankTriggers({ templates: 32, lightTravelTime }));
 * ```
 */
export function overWhiten(
  options: Omit<OverWhitenOptions, "sampleRate" | "channels"> = {},
): OperatorFunction<Block<"strain">, Block<"whitened">> {
  return through((format) => createOverWhiten({ ...options, ...format }));
}
