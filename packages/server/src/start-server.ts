import type { Socket } from "node:net";
import { resolve } from "node:path";
import { StrainflowError } from "@strainflow/series";
import { Access, readTls } from "./access.ts";
import type { CheckedOptions } from "./check-options.ts";
import { Core } from "./core.ts";
import { serveGrpc } from "./grpc/service.ts";
import { serveHttp } from "./http/service.ts";
import { inProcessModel } from "./in-process.ts";
import { loadModels } from "./models/load-models.ts";
import { tensorSpecs } from "./models/model-spec.ts";
import type { InferenceServer } from "./server.ts";
import { SharedMemory } from "./tensors/shared-memory.ts";
import { Metrics } from "./watching/metrics.ts";
import { serveMetrics } from "./watching/metrics-service.ts";
import { pushMetrics } from "./watching/push-metrics.ts";
import { ServerLog } from "./watching/server-log.ts";
import { TraceExporter } from "./watching/trace-exporter.ts";
import { TraceSettings } from "./watching/trace-settings.ts";
import { Tracer } from "./watching/tracer.ts";

/** A server, and what only the package itself does with it. */
export interface StartedServer {
  readonly server: InferenceServer;
  readonly core: Core;
  /** What `/metrics` tells, in Prometheus' text format. */
  readonly metrics: () => string;
  /** Serves a connection that came in elsewhere; it may be paused. */
  readonly accept: (front: "grpc" | "http", socket: Socket) => void;
  /** Not ready any more; resolves when open streams have ended, or after `drainMs`. */
  readonly drain: (drainMs: number) => Promise<void>;
  /** Answers what is under way, cuts the rest, and lets go of everything. */
  readonly finish: () => Promise<void>;
}

/** Requests under way are given up after this long when the server closes, in milliseconds. */
const LAST_ANSWERS_MS = 3000;

/** How much of a stream's requests and answers is held for a client that does not read, in bytes. */
const STREAM_BYTES = 256 * 2 ** 20;

/**
 * Loads the models and opens the fronts. `listens`: on ports of its own; otherwise it is given connections, and neither
 * serves nor pushes metrics.
 *
 * @throws `repository-not-readable`, `model-not-loadable`, `address-in-use`, `tls-not-readable`, `log-not-writable`
 */
export async function startServer(options: CheckedOptions, listens: boolean): Promise<StartedServer> {
  const { host, maxMessageSize, maxConnections, logFile: file, pushMetrics: push } = options;
  const tls = options.tls === undefined ? undefined : await readTls(options.tls);
  const guard = { access: new Access(options.tokens), maxConnections, ...(tls === undefined ? {} : { tls }) };
  const log = new ServerLog({
    write: options.log ?? (() => {}),
    form: options.logForm ?? "text",
    ...(file === undefined ? {} : { file }),
  });
  const tracer = openTracer(options, log);
  const sharedMemory = new SharedMemory({ prefix: options.sharedMemoryPrefix });
  const { rateLimit, rateLimitResources } = options;
  const { registry, repository, threads } = await loadModels({
    repository: resolve(options.repository),
    workers: options.workers,
    log,
    mode: options.modelControl,
    maxSequences: options.maxSequences,
    responseCacheSize: options.responseCacheSize,
    ...(rateLimit === "off" ? {} : { rateLimit: new Map(Object.entries(rateLimitResources)) }),
    ...(options.startupModels === undefined ? {} : { startupModels: options.startupModels }),
    ...(options.pollMs === undefined ? {} : { pollMs: options.pollMs }),
  });
  const core = new Core({ registry, repository, log, tracer, sharedMemory, handOver: options.handOver });
  const calls = new Set<{ lose(error: Error): void }>();
  const closeThreads = (): Promise<unknown> => {
    repository.close();
    return Promise.all(threads.map((thread) => thread.close()));
  };

  const metrics = new Metrics(registry, threads);
  const fronts = await openFronts().catch(async (error: unknown) => {
    await closeThreads();
    throw error;
  });
  const pushing =
    push === undefined || !listens
      ? undefined
      : pushMetrics(() => metrics.text(), push, fronts.grpc.address, log);

  async function openFronts() {
    const streams = { maxInFlight: options.maxInFlight, maxBytes: STREAM_BYTES };
    const open: { close(): void }[] = [];
    const opened = <T extends { close(): void }>(front: T): T => {
      open.push(front);
      return front;
    };
    try {
      const port = listens && options.grpcPort;
      const grpc = opened(await serveGrpc(core, { ...guard, host, port, maxMessageSize, streams }));
      const { httpPort, metricsPort } = options;
      const http =
        httpPort === false
          ? undefined
          : opened(await serveHttp(core, { ...guard, host, port: listens && httpPort, maxMessageSize }));
      const page =
        metricsPort === false || !listens
          ? undefined
          : opened(await serveMetrics(() => metrics.text(), { ...guard, host, port: metricsPort }));
      return { grpc, http, metrics: page };
    } catch (error) {
      for (const front of open) front.close();
      throw error;
    }
  }

  async function drain(drainMs: number): Promise<void> {
    core.closing = true;
    await within(Promise.all([fronts.grpc.drain(), fronts.http?.drain()]), drainMs);
  }

  async function finish(): Promise<void> {
    core.refusing = true;
    const deadline = performance.now() + LAST_ANSWERS_MS;
    while (!registry.idle && performance.now() < deadline) await delay(5);
    await pushing?.close();
    fronts.grpc.close();
    fronts.http?.close();
    fronts.metrics?.close();
    for (const call of [...calls])
      call.lose(new StrainflowError("server-closed", "the embedded server was closed"));
    await closeThreads();
    await tracer.close();
    sharedMemory.unregister("");
  }

  let closed: Promise<void> | undefined;
  const server: InferenceServer = {
    grpcAddress: fronts.grpc.address,
    ...(fronts.http === undefined ? {} : { httpAddress: fronts.http.address }),
    ...(fronts.metrics === undefined ? {} : { metricsAddress: fronts.metrics.address }),
    get models() {
      return registry.all().map(({ spec, platform }) => ({
        name: spec.name,
        version: spec.version,
        platform,
        inputs: tensorSpecs(spec.inputs),
        outputs: tensorSpecs(spec.outputs),
      }));
    },
    get ready() {
      return core.ready;
    },
    inProcess: (model, version = "") =>
      inProcessModel(
        registry.get(model, version),
        (place) => registry.route(model, version, place),
        (call) => {
          calls.add(call);
          return () => calls.delete(call);
        },
      ),
    close: ({ drainMs = 0 } = {}) => {
      closed ??= drain(drainMs).then(finish);
      return closed;
    },
  };
  return {
    server,
    core,
    metrics: () => metrics.text(),
    accept: (front, socket) => {
      const to = fronts[front];
      if (to === undefined) socket.destroy();
      else to.accept(socket);
    },
    drain,
    finish,
  };
}

function openTracer({ trace }: CheckedOptions, log: ServerLog): Tracer {
  const { file = "", otlp, ...initial } = trace ?? {};
  const failed = (error: Error): void => log.error(`traces cannot be written: ${error.message}`);
  const exporter = otlp === undefined ? undefined : new TraceExporter(otlp, failed);
  const settings = new TraceSettings({ file, exported: otlp !== undefined, initial });
  return new Tracer(settings, failed, exporter);
}

function delay(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

async function within(promise: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((done) => {
    timer = setTimeout(done, ms);
  });
  await Promise.race([promise, limit]);
  clearTimeout(timer);
}
