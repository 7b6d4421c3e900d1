import { createServer, type Server } from "node:http";
import { resolve } from "node:path";
import { StrainflowError } from "@strainflow/series";
import { checkExposure } from "./bearer.ts";
import { createRequests } from "./requests.ts";
import { checkOptions, type ServeHandlerOptions } from "./serve-options.ts";
import { ServerFigures } from "./server-figures.ts";
import { WorkerPool } from "./worker-pool.ts";

/** A handler that is served. */
export interface HandlerServer {
  /** `http://host:port` */
  readonly url: string;
  /** What `/metrics` tells, in Prometheus' text format. */
  metrics(): string;
  /**
   * Takes no more requests, answers those under way, and ends.
   *
   * @param drainMs how long those under way may take, in milliseconds; after it they are answered 503. Default 5000.
   */
  close(drainMs?: number): Promise<void>;
}

const DRAIN_MS = 5000;
/** How long a client may take over the head of a request, and over all of it: who sends a byte at a time is cut off. */
const HEAD_MS = 10_000;
const BODY_MS = 30_000;

/**
 * Serves a handler over HTTP: `POST /` takes items, `GET /health` says whether it is ready, `GET /metrics` is for
 * Prometheus. The thread that speaks to clients only moves bytes; decoding, batching and computing are the workers'.
 *
 * @throws `invalid-option`, `handler-not-loaded`, `address-in-use`
 */
export async function serveHandler(options: ServeHandlerOptions): Promise<HandlerServer> {
  const checked = checkOptions(options);
  const { host, port, path, token, insecure, workers } = checked;
  checkExposure(host, token, insecure);
  const { maxBatchSize, maxQueueMs, stageTimeoutMs, maxItems } = checked;
  const pool = await WorkerPool.start({
    workers,
    requestTimeoutMs: checked.requestTimeoutMs,
    loadTimeoutMs: checked.loadTimeoutMs,
    maxHeapMiB: checked.maxHeapMiB,
    log: checked.log,
    settings: { path: resolve(path), maxBatchSize, maxQueueMs, stageTimeoutMs, maxItems },
  });
  try {
    const figures = new ServerFigures(pool);
    const requests = createRequests(pool, figures, checked);
    const server = createServer(
      { requestTimeout: BODY_MS, headersTimeout: HEAD_MS, connectionsCheckingInterval: 1000 },
      requests.listener,
    );
    server.maxConnections = checked.maxConnections;
    const bound = await listen(server, host, port);
    let closing: Promise<void> | undefined;
    const close = async (drainMs: number): Promise<void> => {
      requests.drain();
      const closed = new Promise((done) => server.close(done));
      await pool.close(drainMs);
      // The last answers are on their way.
      const late = setTimeout(() => server.closeAllConnections(), 500);
      server.closeIdleConnections();
      await closed;
      clearTimeout(late);
    };
    return {
      url: `http://${host.includes(":") ? `[${host}]` : host}:${bound}`,
      metrics: () => figures.text(),
      close: (drainMs = DRAIN_MS) => (closing ??= close(drainMs)),
    };
  } catch (error) {
    await pool.close(0);
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
