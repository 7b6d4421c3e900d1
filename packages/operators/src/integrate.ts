import type { Block } from "@strainflow/series";
import { createIntegrate, type IntegrateOptions } from "@strainflow/steps";
import type { OperatorFunction } from "rxjs";
import { through } from "./through.ts";

/**
 * Averages a score over its recent past: a causal boxcar of `⌊rate · integrationLength⌋ + 1` outputs.
 *
 * In and out: a `score` series, same rate and channels. Outputs whose boxcar touches a gap are gaps.
 *
 * @example
 * ```ts
 * strain.pipe(inferSequence(network), reassemble(), integrate({ integrationLength: 1 }));
 * ```
 */
export function integrate(
  options: Omit<IntegrateOptions, "sampleRate" | "channels">,
): OperatorFunction<Block<"score">, Block<"score">> {
  return through((format) => createIntegrate({ ...options, ...format }));
}
