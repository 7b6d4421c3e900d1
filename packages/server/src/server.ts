import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { invalidOption, StrainflowError, type TensorSpec } from "@strainflow/series";
import { Access, checkExposure, readTls } from "./access.ts";
import { Core } from "./core.ts";
import { serveGrpc } from "./grpc/service.ts";
import { serveHttp } from "./http/service.ts";
import { type InProcessModel, inProcessModel } from "./in-process.ts";
import { loadModels } from "./models/load-models.ts";
import { tensorSpecs } from "./models/model-spec.ts";
import type { ServerOptions } from "./server-options.ts";
import { SharedMemory } from "./tensors/shared-memory.ts";
import { Metrics } from "./watching/metrics.ts";
import { serveMetrics } from "./watching/metrics-service.ts";
import { checkPush, pushMetrics } from "./watching/push-metrics.ts";
import { ServerLog } from "./watching/server-log.ts";
import { TraceExporter } from "./watching/trace-exporter.ts";
import { TraceSettings } from "./watching/trace-settings.ts";
import { Tracer } from "./watching/tracer.ts";

/** A model as the server has it. */
export interface ServedModel {
  readonly name: string;
  readonly version: string;
  readonly platform: string;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

export interface InferenceServer {
  /** `host:port` */
  readonly grpcAddress: string;
  /** `http://host:port`, or absent without HTTP. */
  readonly httpAddress?: string;
  /** `http://host:port/metrics`, or absent without metrics. */
  readonly metricsAddress?: string;
  /** Those that are loaded now. */
  readonly models: readonly ServedModel[];
  /** All models are up, and the server is not closing. */
  readonly ready: boolean;
  /** A model without a network between: same schedulers, same bytes. @throws `inference-refused` for an unknown model */
  inProcess(model: string, version?: string): InProcessModel;
  /**
   * Stops. Open streams may go on for `drainMs` (default 0), requests under way are answered, then the rest is cut and
   * the compute threads leave.
   */
  close(options?: { readonly drainMs?: number }): Promise<void>;
}

/** Requests under way are given up after this long when the server closes, in milliseconds. */
const LAST_ANSWERS_MS = 3000;

/**
 * Starts the embedded inference server: Triton's protocol over gRPC and HTTP, models in ONNX Runtime.
 *
 * Resolves when every model is loaded and the ports are open.
 *
 * @throws `repository-not-readable`, `model-not-loadable`, `address-in-use`, `invalid-option`
 */
export async function createServer(options: ServerOptions): Promise<InferenceServer> {
  const { repository, host = "127.0.0.1", grpcPort = 0, httpPort = 0, metricsPort = 0 } = options;
  const { workers = availableParallelism(), maxMessageSize = 256 * 2 ** 20, maxInFlight = 1024 } = options;
  const whole = (name: string, value: number, least: number): void => {
    if (!Number.isInteger(value) || value < least)
      throw invalidOption("createServer", name, value, `a whole number ≥ ${least}`);
  };
  whole("workers", workers, 1);
  whole("maxInFlight", maxInFlight, 1);
  whole("maxMessageSize", maxMessageSize, -1);
  const { maxSequences = 100_000, maxConnections = 10_000 } = options;
  whole("maxSequences", maxSequences, 1);
  whole("maxConnections", maxConnections, 1);
  if (options.pollMs !== undefined) whole("pollMs", options.pollMs, 1);
  const { responseCacheSize = 0, rateLimit = "off", rateLimitResources = {} } = options;
  whole("responseCacheSize", responseCacheSize, 0);
  if (!["off", "execution_count"].includes(rateLimit))
    throw invalidOption("createServer", "rateLimit", rateLimit, "'off' or 'execution_count'");
  for (const [name, count] of Object.entries(rateLimitResources))
    whole(`rateLimitResources.${name}`, count, 0);
  const { modelControl = "none", handOver = false, trace, sharedMemoryPrefix: prefix = "" } = options;
  if (!["none", "poll", "explicit"].includes(modelControl))
    throw invalidOption("createServer", "modelControl", modelControl, "'none', 'poll' or 'explicit'");
  const { tls: tlsFiles, tokens = [], insecure = false } = options;
  checkExposure({ host, tokens, tls: tlsFiles, insecure });
  const tls = tlsFiles === undefined ? undefined : await readTls(tlsFiles);
  const guard = { access: new Access(tokens), maxConnections, ...(tls === undefined ? {} : { tls }) };
  const { logFile: file } = options;
  const log = new ServerLog({
    write: options.log ?? (() => {}),
    form: options.logForm ?? "text",
    ...(file === undefined ? {} : { file }),
  });
  const { file: traceFile = "", otlp, ...initial } = trace ?? {};
  const traceFailed = (error: Error): void => log.error(`traces cannot be written: ${error.message}`);
  const exporter = otlp === undefined ? undefined : new TraceExporter(otlp, traceFailed);
  const settings = new TraceSettings({ file: traceFile, exported: otlp !== undefined, initial });
  const tracer = new Tracer(settings, traceFailed, exporter);
  const { pushMetrics: push } = options;
  if (push !== undefined) checkPush(push);
  const sharedMemory = new SharedMemory({ prefix });
  const loaded = await loadModels({
    repository: resolve(repository),
    workers,
    log,
    mode: modelControl,
    maxSequences,
    responseCacheSize,
    ...(rateLimit === "off" ? {} : { rateLimit: new Map(Object.entries(rateLimitResources)) }),
    ...(options.startupModels === undefined ? {} : { startupModels: options.startupModels }),
    ...(options.pollMs === undefined ? {} : { pollMs: options.pollMs }),
  });
  const { registry, threads } = loaded;
  const core = new Core({ registry, repository: loaded.repository, log, tracer, sharedMemory, handOver });
  const calls = new Set<{ lose(error: Error): void }>();
  const closeThreads = (): Promise<unknown> => {
    loaded.repository.close();
    return Promise.all(threads.map((thread) => thread.close()));
  };

  const fronts = await openFronts().catch(async (error: unknown) => {
    await closeThreads();
    throw error;
  });
  const pushing =
    push === undefined ? undefined : pushMetrics(new Metrics(registry), push, fronts.grpc.address, log);
  let closed: Promise<void> | undefined;

  async function openFronts() {
    const streams = { maxInFlight, maxBytes: 256 * 2 ** 20 };
    const open: { close(): void }[] = [];
    const opened = <T extends { close(): void }>(front: T): T => {
      open.push(front);
      return front;
    };
    try {
      const grpc = opened(await serveGrpc(core, { ...guard, host, port: grpcPort, maxMessageSize, streams }));
      const http =
        httpPort === false
          ? undefined
          : opened(await serveHttp(core, { ...guard, host, port: httpPort, maxMessageSize }));
      const metrics =
        metricsPort === false
          ? undefined
          : opened(await serveMetrics(registry, { ...guard, host, port: metricsPort }));
      return { grpc, http, metrics };
    } catch (error) {
      for (const front of open) front.close();
      throw error;
    }
  }

  async function close(drainMs: number): Promise<void> {
    core.closing = true;
    const streamsEnded = Promise.all([fronts.grpc.drain(), fronts.http?.drain()]);
    await within(streamsEnded, drainMs);
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

  return {
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
      closed ??= close(drainMs);
      return closed;
    },
  };
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
