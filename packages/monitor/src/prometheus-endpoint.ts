import { createServer } from "node:http";
import { StrainflowError } from "@strainflow/series";
import { createRunningTotals } from "./running-totals.ts";
import type { MonitorSink } from "./sink.ts";
import { METRICS_TYPE, writeMetrics } from "./write-metrics.ts";

export interface PrometheusEndpointOptions {
  /** Default 127.0.0.1: nobody else's business. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
}

/** A sink that Prometheus collects from. */
export interface PrometheusEndpoint extends MonitorSink {
  /** `http://host:port/metrics` */
  readonly url: string;
}

/**
 * Answers Prometheus: counters since the monitor began, gauges of the last interval, clients' quantiles.
 *
 * @throws `address-in-use` where it cannot listen
 */
export async function createPrometheusEndpoint(
  options: PrometheusEndpointOptions = {},
): Promise<PrometheusEndpoint> {
  const { host = "127.0.0.1", port = 0 } = options;
  const totals = createRunningTotals();
  const server = createServer((request, response) => {
    const answer = (status: number, type: string, text: string): void => {
      response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(text) });
      response.end(request.method === "HEAD" ? undefined : text);
    };
    // Answers are short and whole: what a client sends along is nobody's concern.
    request.resume();
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("allow", "GET, HEAD");
      answer(405, "text/plain", "GET only\n");
    } else if (request.url?.split("?", 1)[0] === "/metrics")
      answer(200, METRICS_TYPE, writeMetrics(totals.families()));
    else answer(404, "text/plain", "metrics are at /metrics\n");
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) =>
      reject(
        new StrainflowError(
          "address-in-use",
          `${host}:${port}: nothing can listen there (${cause.message}); choose another port`,
          {
            cause,
            details: { host, port },
          },
        ),
      ),
    );
    server.listen(port, host, resolve);
  });
  const address = server.address();
  const at = typeof address === "object" && address !== null ? address.port : port;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${at}/metrics`,
    write: (sample) => totals.add(sample),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
