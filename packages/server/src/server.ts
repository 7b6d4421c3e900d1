import { availableParallelism } from "node:os";
import { invalidOption, StrainflowError, type TensorSpec } from "@strainflow/series";
import { Core } from "./core.ts";
import { serveGrpc } from "./grpc-service.ts";
import { serveHttp } from "./http-service.ts";
import { type InProcessModel, inProcessModel } from "./in-process.ts";
import { loadModels } from "./load-models.ts";
import { tensorSpecs } from "./model-spec.ts";

export interface ServerOptions {
  /** A folder with one folder per model: `config.pbtxt` and numbered versions. */
  readonly repository: string;
  /** Default `127.0.0.1`: only this machine is served unless told otherwise. */
  readonly host?: string;
  /** Default 0: a free port, told by `grpcAddress`. */
  readonly grpcPort?: number;
  /** `false`: no HTTP. Default 0: a free port, told by `httpAddress`. */
  readonly httpPort?: number | false;
  /** Threads for stateless models, and as many again (cheap ones) for sequences. Default: one per core. */
  readonly workers?: number;
  /** Largest request in bytes, −1 for any. Default 256 MiB: a thousand times a usual update. */
  readonly maxMessageSize?: number;
  /** Requests of one stream that wait for an answer, before no more are read from it. Default 1024. */
  readonly maxInFlight?: number;
  /** What an operator should know: restarts of threads, sequences that start twice. Default: nowhere. */
  readonly log?: (message: string) => void;
}

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
const LAST_ANSWERS_MS = 10_000;

/**
 * Starts the embedded inference server: Triton's protocol over gRPC and HTTP, models in ONNX Runtime.
 *
 * Resolves when every model is loaded and the ports are open.
 *
 * @throws `repository-not-readable`, `model-not-loadable`, `address-in-use`, `invalid-option`
 */
export async function createServer(options: ServerOptions): Promise<InferenceServer> {
  const { repository, host = "127.0.0.1", grpcPort = 0, httpPort = 0, log = () => {} } = options;
  const { workers = availableParallelism(), maxMessageSize = 256 * 2 ** 20, maxInFlight = 1024 } = options;
  const whole = (name: string, value: number, least: number): void => {
    if (!Number.isInteger(value) || value < least)
      throw invalidOption("createServer", name, value, `a whole number ≥ ${least}`);
  };
  whole("workers", workers, 1);
  whole("maxInFlight", maxInFlight, 1);
  whole("maxMessageSize", maxMessageSize, -1);
  const { registry, threads } = await loadModels({ repository, workers, log });
  const core = new Core(registry);
  const calls = new Set<{ lose(error: Error): void }>();
  const closeThreads = (): Promise<unknown> => Promise.all(threads.map((thread) => thread.close()));

  const fronts = await openFronts().catch(async (error: unknown) => {
    await closeThreads();
    throw error;
  });
  let closed: Promise<void> | undefined;

  async function openFronts() {
    const streams = { maxInFlight, maxBytes: 256 * 2 ** 20 };
    const grpc = await serveGrpc(core, { host, port: grpcPort, maxMessageSize, streams });
    try {
      const http =
        httpPort === false ? undefined : await serveHttp(core, { host, port: httpPort, maxMessageSize });
      return { grpc, http };
    } catch (error) {
      grpc.close();
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
    fronts.grpc.close();
    fronts.http?.close();
    for (const call of [...calls])
      call.lose(new StrainflowError("server-closed", "the embedded server was closed"));
    await closeThreads();
  }

  return {
    grpcAddress: fronts.grpc.address,
    ...(fronts.http === undefined ? {} : { httpAddress: fronts.http.address }),
    models: registry.all().map(({ spec, platform }) => ({
      name: spec.name,
      version: spec.version,
      platform,
      inputs: tensorSpecs(spec.inputs),
      outputs: tensorSpecs(spec.outputs),
    })),
    get ready() {
      return core.ready;
    },
    inProcess: (model, version = "") =>
      inProcessModel(registry.get(model, version), (call) => {
        calls.add(call);
        return () => calls.delete(call);
      }),
    close: ({ drainMs = 0 } = {}) => {
      closed ??= close(drainMs);
      return closed;
    },
  };
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function within(promise: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise, limit]);
  clearTimeout(timer);
}
