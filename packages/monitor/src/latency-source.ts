/** Latencies of a client, from request to answer, in milliseconds: what the client's own `latency()` gives. */
export interface ClientLatency {
  /** Answers that these are of. */
  readonly count: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
}

/** Whatever keeps a client's latencies as a histogram: Node's own `createHistogram()`, for one. */
export interface LatencyHistogram {
  readonly count: number | bigint;
  /** @param percentile above 0, to 100 */
  percentile(percentile: number): number;
}

/** A client whose latencies stand beside those of the servers. */
export type LatencySource =
  | {
      /** The client's name in all output: a sequence, a deployment. */
      readonly name: string;
      /** Asked at each interval; `undefined` while there is nothing to tell: `() => stream.latency()`. */
      readonly quantiles: () => ClientLatency | undefined;
    }
  | {
      readonly name: string;
      readonly histogram: LatencyHistogram;
      /** What the histogram counts in. Default `"ns"`, as Node's timers do. */
      readonly unit?: "ns" | "us" | "ms";
    };

const MS_PER: Readonly<Record<"ns" | "us" | "ms", number>> = { ns: 1e-6, us: 1e-3, ms: 1 };

/** What a source has to tell now. */
export function readLatency(source: LatencySource): ClientLatency | undefined {
  if ("quantiles" in source) return source.quantiles();
  const { histogram, unit = "ns" } = source;
  const count = Number(histogram.count);
  if (count === 0) return undefined;
  const at = (percentile: number): number => histogram.percentile(percentile) * MS_PER[unit];
  return { count, p50Ms: at(50), p90Ms: at(90), p99Ms: at(99), p999Ms: at(99.9) };
}
