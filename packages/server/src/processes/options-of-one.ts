import type { CheckedOptions } from "../check-options.ts";

/**
 * A process's part of what the server as a whole was given: of sequences, connections and the cache's memory its share.
 * Traces go to a file of its own.
 */
export function optionsOfOne<O extends Omit<CheckedOptions, "log">>(
  options: O,
  index: number,
  count: number,
): O {
  const share = (whole: number): number => Math.ceil(whole / count);
  const { trace } = options;
  return {
    ...options,
    maxSequences: share(options.maxSequences),
    maxConnections: share(options.maxConnections),
    responseCacheSize: Math.floor(options.responseCacheSize / count),
    ...(trace?.file === undefined ? {} : { trace: { ...trace, file: `${trace.file}.process-${index}` } }),
  };
}
