import type { Block } from "@strainflow/series";
import { createWhiten, type WhitenOptions } from "@strainflow/steps";
import type { OperatorFunction } from "rxjs";
import { through } from "./through.ts";

/**
 * Whitens strain by a PSD of its own past, to unit variance.
 *
 * In: strain, any channels, float64. Out: the same channels and rate, float32, dimensionless. Warm-up (the first PSD and
 * half a filter), edges and the surroundings of a gap come as gaps; a PSD outlives a short gap. Rate and channels are
 * taken from the stream; see {@link WhitenOptions} for units, defaults and their reasons.
 *
 * ```
 * strain    ──■──■──■──■──■──|
 *             whiten({ psdLength: 2 })
 * whitened  ──░──░──░──■──■──■░|
 * ```
 *
 * @example
 * ```ts
 * strain.pipe(resample({ sampleRate: 2048 }), whiten({ psdLength: 8, highpass: 25 }));
 * ```
 * @see {@link overWhiten} for a matched filter
 */
export function whiten(
  options: Omit<WhitenOptions, "sampleRate" | "channels"> = {},
): OperatorFunction<Block<"strain">, Block<"whitened">> {
  return through((format) => createWhiten({ ...options, ...format }));
}
