import type { Block } from "@strainflow/series";
import { createWhitenMinimumPhase, type WhitenMinimumPhaseOptions } from "@strainflow/steps";
import type { OperatorFunction } from "rxjs";
import { through } from "./through.ts";

/**
 * Whitens strain by a PSD of its own past, to unit variance, without waiting for its future.
 *
 * In: strain, any channels, float64. Out: the same channels and rate, float32, dimensionless, each sample with the block
 * that brings it. The phase is not linear: what follows must be made for it, or go through the same filter. Warm-up (the
 * first PSD) and what follows a gap within one filter come as gaps; a PSD outlives a short gap. Rate and channels are
 * taken from the stream; see {@link WhitenMinimumPhaseOptions} for units, defaults and their reasons.
 *
 * ```
 * strain    ──■──■──■──■──■──|
 *             whitenMinimumPhase({ psdLength: 2 })
 * whitened  ──░──░──■──■──■──|
 * ```
 *
 * @example
 * ```ts
 * strain.pipe(resample({ sampleRate: 2048 }), whitenMinimumPhase({ psdLength: 8, highpass: 25 }));
 * ```
 * @see {@link whiten} for zero phase, half a filter later
 */
export function whitenMinimumPhase(
  options: Omit<WhitenMinimumPhaseOptions, "sampleRate" | "channels"> = {},
): OperatorFunction<Block<"strain">, Block<"whitened">> {
  return through((format) => createWhitenMinimumPhase({ ...options, ...format }));
}
