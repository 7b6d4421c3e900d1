import type { Server } from "node:http";
import { StrainflowError } from "@strainflow/series";
import { checkExposure } from "./bearer.ts";
import { type CheckedOptions, checkOptions, type ServeHandlerOptions } from "./serve-options.ts";
import { serveProcesses } from "./serve-processes.ts";
import { startHandler } from "./start-handler.ts";

/** A handler that is served. */
export interface HandlerServer {
  /** `http://host:port` */
  readonly url: string;
  /** What `/metrics` tells, in Prometheus' text format; of several processes their sums. */
  metrics(): Promise<string>;
  /**
   * Takes no more requests, answers those under way, and ends.
   *
   * @param drainMs how long those under way may take, in milliseconds; after it they are answered 503. Default 5000.
   */
  close(drainMs?: number): Promise<void>;
}

const DRAIN_MS = 5000;

/**
 * Serves a handler over HTTP: `POST /` takes items, `GET /health` says whether it is ready, `GET /metrics` is for
 * Prometheus. The thread that speaks to clients only moves bytes; decoding, batching and computing are the workers'.
 *
 * @throws `invalid-option`, `handler-not-loaded`, `address-in-use`
 */
export async function serveHandler(options: ServeHandlerOptions): Promise<HandlerServer> {
  const checked = checkOptions(options);
  const { host, token, insecure, processes } = checked;
  checkExposure(host, token, insecure);
  const served = processes === 1 ? await serveAlone(checked) : await serveProcesses(checked);
  let closing: Promise<void> | undefined;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${served.port}`,
    metrics: async () => served.metrics(),
    close: (drainMs = DRAIN_MS) => (closing ??= served.close(drainMs)),
  };
}

/** A handler behind a port. */
export interface Served {
  readonly port: number;
  metrics(): string | Promise<string>;
  close(drainMs: number): Promise<void>;
}

/** In this process. */
async function serveAlone(checked: CheckedOptions): Promise<Served> {
  const { server, metrics, close } = await startHandler(checked);
  try {
    return { port: await listen(server, checked.host, checked.port), metrics: () => metrics(), close };
  } catch (error) {
    await close(0);
    throw error;
  }
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((done, reject) => {
    server.once("error", (cause) =>
      reject(
        new StrainflowError(
          "address-in-use",
          `${host}:${port}: nothing can listen there (${cause.message}); choose another port`,
          { cause, details: { host, port } },
        ),
      ),
    );
    server.listen({ port, host, backlog: 1024 }, () => {
      const address = server.address();
      done(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}
