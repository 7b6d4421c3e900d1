import type { MonitorSample } from "./monitor-sample.ts";

/** Where samples go. */
export interface MonitorSink {
  /** Takes a sample. @throws `output-unwritable` where what it writes to is lost for good */
  write(sample: MonitorSample): void | Promise<void>;
  /** Writes what is left, and lets go. */
  close(): Promise<void>;
}

/**
 * Gives samples to sinks, in order, until they end; then closes the sinks, also after a failure.
 *
 * @throws what the samples or a sink throw first
 *
 * @example
 * ```ts
 * await runSinks(monitorServers({ servers: ["triton-1"], signal }), [await createCsvSink("triton.csv")]);
 * ```
 */
export async function runSinks(
  samples: AsyncIterable<MonitorSample>,
  sinks: readonly MonitorSink[],
): Promise<void> {
  const failures: unknown[] = [];
  try {
    for await (const sample of samples) for (const sink of sinks) await sink.write(sample);
  } catch (error) {
    failures.push(error);
  }
  for (const sink of sinks)
    try {
      await sink.close();
    } catch (error) {
      failures.push(error);
    }
  if (failures.length > 0) throw failures[0];
}
