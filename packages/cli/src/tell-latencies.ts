import type { TritonModel } from "@strainflow/triton";
import { parseListen } from "./flag-values.ts";
import type { Terminal } from "./terminal.ts";

/** Milliseconds from one look to the next. */
const INTERVAL_MS = 1000;

/**
 * Tells, while a search runs, how long the answers to it take: on a page for people, and at `/metrics` for Prometheus and
 * for `strainflow monitor`, which shows them beside the servers' own figures.
 *
 * @param name under which it tells of itself
 * @returns what ends it
 * @throws `address-in-use`
 */
export async function tellLatencies(
  listen: string | undefined,
  name: string,
  model: Pick<TritonModel, "latency">,
  terminal: Terminal,
): Promise<() => Promise<void>> {
  if (listen === undefined) return async () => undefined;
  const { createPrometheusEndpoint } = await import("@strainflow/monitor");
  const endpoint = await createPrometheusEndpoint(parseListen(listen));
  terminal.say("latency", endpoint.url);
  terminal.record({ type: "listening", url: endpoint.url, page: endpoint.pageUrl });
  const look = (): void => {
    const latency = model.latency();
    if (latency !== undefined)
      void endpoint.write({ kind: "client", client: name, timestampMs: Date.now(), latency });
  };
  const timer = setInterval(look, INTERVAL_MS);
  return async () => {
    clearInterval(timer);
    await endpoint.close();
  };
}
