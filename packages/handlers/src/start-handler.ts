import { createServer, type Server } from "node:http";
import type { Socket } from "node:net";
import { resolve } from "node:path";
import { createRequests, type Whole, type WorkerCount } from "./requests.ts";
import type { CheckedOptions } from "./serve-options.ts";
import { ServerFigures } from "./server-figures.ts";
import { WorkerPool } from "./worker-pool.ts";

/** A handler's workers and what speaks to clients, wherever connections come from. */
export interface StartedHandler {
  readonly server: Server;
  /** This process's own page of metrics. `process`: its number, where there are several. */
  metrics(process?: number): string;
  workers(): WorkerCount;
  /** Serves a connection that came in elsewhere; it may be paused. */
  accept(socket: Socket): void;
  /** Takes no more requests, answers those under way, and ends. */
  close(drainMs: number): Promise<void>;
}

/** How long a client may take over the head of a request, and over all of it: who sends a byte at a time is cut off. */
const HEAD_MS = 10_000;
const BODY_MS = 30_000;
/** How long the last answers may take to be sent. */
const LAST_MS = 500;

/** `whole`: what is told of all processes; default: of this one. @throws `handler-not-loaded` */
export async function startHandler(checked: CheckedOptions, whole?: Whole): Promise<StartedHandler> {
  const { path, workers, maxBatchSize, maxQueueMs, stageTimeoutMs, maxItems, maxConnections } = checked;
  const pool = await WorkerPool.start({
    workers,
    requestTimeoutMs: checked.requestTimeoutMs,
    loadTimeoutMs: checked.loadTimeoutMs,
    maxHeapMiB: checked.maxHeapMiB,
    log: checked.log,
    settings: { path: resolve(path), maxBatchSize, maxQueueMs, stageTimeoutMs, maxItems },
  });
  const figures = new ServerFigures(pool);
  const count = (): WorkerCount => ({ ready: pool.ready, wanted: workers });
  const own: Whole = { metrics: () => figures.text(), workers: count };
  const requests = createRequests(pool, figures, checked, whole ?? own);
  const server = createServer(
    { requestTimeout: BODY_MS, headersTimeout: HEAD_MS, connectionsCheckingInterval: 1000 },
    requests.listener,
  );
  server.maxConnections = maxConnections;
  const given = new Set<Socket>();
  return {
    server,
    metrics: (process) => figures.text(process),
    workers: count,
    accept: (socket) => {
      if (given.size >= maxConnections) {
        socket.destroy();
        return;
      }
      given.add(socket);
      socket.once("close", () => given.delete(socket));
      // A server watches over the time that requests take from when it listens.
      if (given.size === 1 && !server.listening) server.emit("listening");
      server.emit("connection", socket);
      socket.resume();
    },
    close: async (drainMs) => {
      requests.drain();
      const closed = new Promise((done) => server.close(done));
      await pool.close(drainMs);
      // The last answers are on their way.
      const late = setTimeout(() => server.closeAllConnections(), LAST_MS);
      server.closeIdleConnections();
      await closed;
      while (given.size > 0) {
        server.closeIdleConnections();
        await new Promise((done) => setTimeout(done, 10));
      }
      clearTimeout(late);
    },
  };
}
