import type { Block } from "@strainflow/series";
import { createHighpass, type HighpassOptions } from "@strainflow/steps";
import type { OperatorFunction } from "rxjs";
import { through } from "./through.ts";

/**
 * Takes away what varies slowly, by a causal Butterworth filter.
 *
 * In and out: strain, same channels and rate. The filter is recursive, so its memory has no end: after the start and
 * after every gap its settling time is marked as a gap. Whitening has a high-pass of its own and needs none before it.
 *
 * @example
 * ```ts
 * strain.pipe(highpass({ corner: 15 }));
 * ```
 */
export function highpass(
  options: Omit<HighpassOptions, "sampleRate" | "channels"> = {},
): OperatorFunction<Block<"strain">, Block<"strain">> {
  return through((format) => createHighpass({ ...options, ...format }));
}
