import { createServer } from "node:http";
import { METRICS_TYPE, writeMetrics } from "@strainflow/metrics";
import { StrainflowError } from "@strainflow/series";
import { createActivityHistory } from "./page/activity-history.ts";
import { createEventStream } from "./page/event-stream.ts";
import { PAGE_POLICY, pageShell } from "./page/page-shell.ts";
import { renderActivity } from "./page/render-activity.ts";
import { createRunningTotals } from "./running-totals.ts";
import type { MonitorSink } from "./sink.ts";

export interface PrometheusEndpointOptions {
  /** Default 127.0.0.1: nobody else's business. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
}

/** A sink that Prometheus collects from, and people look at. */
export interface PrometheusEndpoint extends MonitorSink {
  /** `http://host:port/metrics` */
  readonly url: string;
  /** `http://host:port/`: servers, models and clients as they are, and were in the last five minutes. */
  readonly pageUrl: string;
}

/**
 * Answers Prometheus: counters since the monitor began, gauges of the last interval, clients' quantiles. For people, there
 * is a page that changes by itself.
 *
 * @throws `address-in-use` where it cannot listen
 */
export async function createPrometheusEndpoint(
  options: PrometheusEndpointOptions = {},
): Promise<PrometheusEndpoint> {
  const { host = "127.0.0.1", port = 0 } = options;
  const totals = createRunningTotals();
  const history = createActivityHistory();
  const events = createEventStream(() => renderActivity(history).markup);
  const server = createServer((request, response) => {
    const answer = (status: number, type: string, text: string): void => {
      response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(text) });
      response.end(request.method === "HEAD" ? undefined : text);
    };
    // What a client sends along is nobody's concern.
    request.resume();
    const path = request.url?.split("?", 1)[0];
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("allow", "GET, HEAD");
      answer(405, "text/plain", "GET only\n");
    } else if (path === "/metrics") answer(200, METRICS_TYPE, writeMetrics(totals.families()));
    else if (path === "/") {
      response.setHeader("content-security-policy", PAGE_POLICY);
      response.setHeader("cache-control", "no-store");
      answer(200, "text/html; charset=utf-8", pageShell(renderActivity(history)));
    } else if (path === "/events" && request.method === "GET") events.add(response);
    else answer(404, "text/plain", "metrics are at /metrics, a page for people is at /\n");
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
  const base = `http://${host.includes(":") ? `[${host}]` : host}:${at}/`;
  return {
    url: `${base}metrics`,
    pageUrl: base,
    write(sample) {
      totals.add(sample);
      history.add(sample);
    },
    close: () =>
      new Promise((resolve) => {
        events.close();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
