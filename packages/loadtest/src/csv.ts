import type { LevelResult } from "./level-result.ts";
import { askedRate } from "./load.ts";
import type { LoadTestResult } from "./load-test-result.ts";

const FIGURES = [
  "Inferences/Second",
  "Client Send",
  "Network+Server Send/Recv",
  "Server Queue",
  "Server Compute Input",
  "Server Compute Infer",
  "Server Compute Output",
  "Client Recv",
  "p50 latency",
  "p90 latency",
  "p95 latency",
  "p99 latency",
] as const;

/**
 * A table in the columns of perf_analyzer's `-f`, times in whole microseconds, rows by rising throughput as there.
 *
 * "Client Send" is the time to encode and write a request. "Client Recv" is 0: answers are decoded within the time that
 * the network column has. Where the server keeps no statistics, its columns are 0 and all of the latency is network.
 */
export function perfAnalyzerCsv({ levels }: LoadTestResult): string {
  const paced = levels.some(({ load }) => load.kind !== "concurrency");
  const rows = [...levels].sort((a, b) => a.inferencesPerSecond - b.inferencesPerSecond).map(rowOf);
  return `${[[paced ? "Request Rate" : "Concurrency", ...FIGURES].join(), ...rows].join("\n")}\n`;
}

function rowOf({ load, inferencesPerSecond, latency, generator, server }: LevelResult): string {
  const own = [server?.queueUs, server?.computeInputUs, server?.computeInferUs, server?.computeOutputUs].map(
    whole,
  );
  const send = whole(generator.sendUs);
  const mean = whole((latency?.meanMs ?? 0) * 1000);
  const network = Math.max(0, mean - send - own.reduce((sum, each) => sum + each, 0));
  const percentiles = [latency?.p50Ms, latency?.p90Ms, latency?.p95Ms, latency?.p99Ms].map((ms) =>
    whole((ms ?? 0) * 1000),
  );
  return [
    load.kind === "concurrency" ? load.concurrency : Number((askedRate(load) ?? 0).toPrecision(9)),
    Number(inferencesPerSecond.toPrecision(6)),
    send,
    network,
    ...own,
    0,
    ...percentiles,
  ].join();
}

function whole(value: number | undefined): number {
  return Math.round(value ?? 0);
}
