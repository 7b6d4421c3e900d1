import type { Block, Step } from "@strainflow/series";
import { createResample, type ResampleOptions } from "@strainflow/steps";
import type { OperatorFunction } from "rxjs";
import { through } from "./through.ts";

/**
 * Brings strain to another rate, without aliasing and without moving anything in time.
 *
 * In: strain at any whole rate. Out: the same channels at `sampleRate`; a stream that has that rate already passes
 * untouched. Any ratio of whole rates; see {@link ResampleOptions} for the filter.
 *
 * @example
 * ```ts
 * strain.pipe(resample({ sampleRate: 2048 }), whiten());
 * ```
 */
export function resample(
  options: Omit<ResampleOptions, "inputRate" | "outputRate" | "channels"> & { readonly sampleRate: number },
): OperatorFunction<Block<"strain">, Block<"strain">> {
  const { sampleRate, ...rest } = options;
  return through(({ sampleRate: inputRate, channels }) =>
    inputRate === sampleRate
      ? untouched
      : createResample({ ...rest, inputRate, outputRate: sampleRate, channels }),
  );
}

const untouched: Step<Block<"strain">, Block<"strain">> = {
  memory: 0,
  latency: 0,
  stride: 1,
  push: (block) => [block],
  flush: () => [],
  save: () => undefined,
  restore: () => undefined,
};
