import type { MetricsText } from "@strainflow/metrics";
import type { ClientLatency } from "./latency-source.ts";

/** Under which name a client's latencies are told to Prometheus, as a summary with the label `client`. */
export const CLIENT_LATENCY = "strainflow_client_latency_seconds";

/** Its quantiles. */
export const CLIENT_QUANTILES = [
  ["0.5", "p50Ms"],
  ["0.9", "p90Ms"],
  ["0.99", "p99Ms"],
  ["0.999", "p999Ms"],
] as const;

/** A client whose latencies are on a page. */
export interface ToldClient {
  readonly client: string;
  readonly latency: ClientLatency;
}

/** Clients that tell of themselves on a page: what a Prometheus endpoint of this package gives in their process. */
export function toldClients({ samples }: MetricsText): ToldClient[] {
  const found = new Map<string, Map<string, number>>();
  for (const { name, labels, value } of samples) {
    const client = labels.get("client");
    const what =
      name === CLIENT_LATENCY
        ? labels.get("quantile")
        : name === `${CLIENT_LATENCY}_count`
          ? "count"
          : undefined;
    if (client === undefined || what === undefined || !(value >= 0)) continue;
    const values = found.get(client) ?? new Map<string, number>();
    found.set(client, values.set(what, value));
  }
  return [...found].flatMap(([client, values]) => {
    const count = values.get("count") ?? 0;
    if (!(count > 0) || CLIENT_QUANTILES.some(([quantile]) => !values.has(quantile))) return [];
    const ms = (quantile: string): number => (values.get(quantile) ?? 0) * 1000;
    return [
      {
        client,
        latency: { count, p50Ms: ms("0.5"), p90Ms: ms("0.9"), p99Ms: ms("0.99"), p999Ms: ms("0.999") },
      },
    ];
  });
}
