import { openLineFile } from "./line-file.ts";
import type { MonitorSample } from "./monitor-sample.ts";
import type { MonitorSink } from "./sink.ts";

/**
 * What a sample says as JSON objects, one per model, client or event. Durations are in microseconds; `timestamp` is
 * seconds since the Unix epoch. What is not known is left out.
 */
export function sampleRecords(sample: MonitorSample): Record<string, unknown>[] {
  const timestamp = sample.timestampMs / 1000;
  switch (sample.kind) {
    case "server": {
      const { server, elapsedSeconds, unreadableLines } = sample;
      return sample.models.map(
        ({ model, version, counters, averages, reset, pending, quantiles, steps, stepOf }) => ({
          type: "model",
          timestamp,
          server,
          model,
          version,
          ...(stepOf.length > 0 ? { stepOf } : {}),
          ...(steps === undefined ? {} : { steps }),
          ...(elapsedSeconds > 0 ? { elapsedSeconds } : {}),
          ...counters,
          averages,
          ...(pending === undefined ? {} : { pending }),
          ...(quantiles === undefined ? {} : { serverQuantilesUs: Object.fromEntries(quantiles.us) }),
          ...(reset ? { reset } : {}),
          ...(unreadableLines > 0 ? { unreadableLines } : {}),
        }),
      );
    }
    case "client": {
      const { count, p50Ms, p90Ms, p99Ms, p999Ms } = sample.latency;
      const quantilesUs = {
        "0.5": p50Ms * 1e3,
        "0.9": p90Ms * 1e3,
        "0.99": p99Ms * 1e3,
        "0.999": p999Ms * 1e3,
      };
      return [{ type: "client", timestamp, client: sample.client, answers: count, quantilesUs }];
    }
    case "seen":
      return [
        {
          type: "seen",
          timestamp,
          server: sample.server,
          models: [...new Set(sample.models.map(({ model }) => model))],
        },
      ];
    case "away": {
      const { server, awaySeconds, error } = sample;
      return [{ type: "away", timestamp, server, awaySeconds, tag: error.tag, message: error.message }];
    }
    case "no-steps":
      return [
        {
          type: "no-steps",
          timestamp,
          server: sample.server,
          tag: sample.error.tag,
          message: sample.error.message,
        },
      ];
  }
}

/**
 * A file of JSON objects, one per line: {@link sampleRecords} of each sample.
 *
 * @param path a file that is there is gone on with
 * @throws `output-unwritable`
 */
export async function createJsonLinesSink(path: string): Promise<MonitorSink> {
  const file = await openLineFile(path);
  return {
    write: (sample) => file.append(sampleRecords(sample).map((record) => JSON.stringify(record))),
    close: () => file.close(),
  };
}
