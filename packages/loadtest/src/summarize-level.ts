import { bottleneckText } from "./bottleneck.ts";
import { percentile, summarize } from "./latency-summary.ts";
import type { LevelResult } from "./level-result.ts";
import type { Load } from "./load.ts";
import { OUTCOME, type SampleBatch } from "./sample-log.ts";
import type { ServerFigures } from "./server-figures.ts";
import type { Window } from "./window.ts";

interface Seen {
  readonly load: Load;
  readonly steady: boolean;
  readonly windows: readonly Window[];
  /** Of each generator, what it saw in the windows that are reported on. */
  readonly spans: readonly (readonly SampleBatch[])[];
  /** Of each generator, what came in when the load had ended. */
  readonly last: readonly SampleBatch[];
  readonly batchSize: number;
  readonly goalPercentile: number | undefined;
  readonly server: ServerFigures | undefined;
}

/** The report on one load. */
export function summarizeLevel(seen: Seen): LevelResult {
  const { load, steady, windows, spans, last, batchSize, goalPercentile, server } = seen;
  const counts = { requests: 0, failed: 0, wrong: 0, unanswered: 0, held: 0, sent: 0 };
  const latencies: number[] = [];
  const afterSending: number[] = [];
  const lags: number[] = [];
  let requestsPerSecond = 0;
  let sendBusyMs = 0;
  let responses = 0;
  let utilization = 0;
  const errors = new Map<string, number>();
  const wrongs: string[] = [];

  spans.forEach((span, g) => {
    const from = span[0]?.from ?? 0;
    const until = span.at(-1)?.until ?? 0;
    let ended = 0;
    let busyMs = 0;
    for (const batch of span) {
      for (const how of batch.outcome) if (how === OUTCOME.answered || how === OUTCOME.wrong) ended++;
      counts.sent += batch.outcome.length;
      sendBusyMs += batch.sendBusyMs;
      responses += batch.responses;
      busyMs += batch.utilization * (batch.until - batch.from);
      for (const [message, count] of batch.errors) errors.set(message, (errors.get(message) ?? 0) + count);
      wrongs.push(...batch.wrongs);
    }
    const lengthMs = until - from;
    if (lengthMs > 0) {
      requestsPerSecond += (1000 * ended) / lengthMs;
      utilization = Math.max(utilization, busyMs / lengthMs);
    }
    const after = last[g];
    for (const batch of after === undefined ? span : [...span, after]) addRequests(batch, from, until);
  });

  /** Requests belong where they were to be sent, whenever their answers came. */
  function addRequests(
    { intended, sent, done, outcome, held }: SampleBatch,
    from: number,
    until: number,
  ): void {
    intended.forEach((at, i) => {
      const how = outcome[i];
      // One that never had an answer is still waiting, however long ago it was sent.
      if (at >= until || (at < from && how !== OUTCOME.unanswered)) return;
      counts.requests++;
      if (held[i] === 1) counts.held++;
      else if (!Number.isNaN(sent[i]!)) lags.push(Math.max(0, sent[i]! - at));
      if (how === OUTCOME.failed) {
        counts.failed++;
        return;
      }
      if (how === OUTCOME.wrong) counts.wrong++;
      if (how === OUTCOME.unanswered) counts.unanswered++;
      latencies.push(done[i]! - at);
      if (!Number.isNaN(sent[i]!)) afterSending.push(done[i]! - sent[i]!);
    });
  }

  const sorted = Float64Array.from(latencies).sort();
  const latency = summarize(sorted);
  const service = summarize(Float64Array.from(afterSending).sort());
  const lag = load.kind === "concurrency" ? undefined : summarize(Float64Array.from(lags).sort());
  const processes = spans.length;
  const bottleneck = bottleneckText({ utilization, lag, latency, processes });
  return {
    load,
    steady,
    windows,
    seconds: Math.max(0, ...spans.map((span) => ((span.at(-1)?.until ?? 0) - (span[0]?.from ?? 0)) / 1000)),
    requests: counts.requests,
    failed: counts.failed,
    wrong: counts.wrong,
    unanswered: counts.unanswered,
    responses,
    requestsPerSecond,
    inferencesPerSecond: requestsPerSecond * batchSize,
    ...(latency === undefined ? {} : { latency }),
    ...(service === undefined ? {} : { afterSending: service }),
    ...(goalPercentile === undefined || latency === undefined
      ? {}
      : { goalMs: percentile(sorted, goalPercentile) }),
    generator: {
      processes,
      utilization,
      ...(lag === undefined ? {} : { lag }),
      held: counts.held,
      sendUs: counts.sent > 0 ? (1000 * sendBusyMs) / counts.sent : 0,
      ...(bottleneck === undefined ? {} : { bottleneck }),
    },
    ...(server === undefined ? {} : { server }),
    errors: [...errors].map(([message, count]) => ({ message, count })).sort((a, b) => b.count - a.count),
    wrongs: wrongs.slice(0, 5),
  };
}
