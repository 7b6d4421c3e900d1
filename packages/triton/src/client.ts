import {
  GRPCInferenceService,
  type ModelConfig,
  type ModelMetadataResponse,
  type ModelMetadataResponse_TensorMetadata,
  type ModelStatistics,
} from "@strainflow/proto";
import {
  type InferRequest,
  type InferResponse,
  invalidOption,
  isStrainflowError,
  StrainflowError,
  type TensorSpec,
} from "@strainflow/series";
import { parseAddress } from "./address.ts";
import type { StreamLimits } from "./infer-call.ts";
import { createModel, inferOnce, type TritonModel } from "./model.ts";
import { waitUntilReady } from "./readiness.ts";
import { createRequestEncoder } from "./request-encoder.ts";
import { type StreamingOverrides, streamingSpec } from "./streaming-spec.ts";
import { isDatatype } from "./tensor-bytes.ts";
import type { TransportOptions } from "./transport.ts";
import { createTransportPool, type TransportPool } from "./transport-pool.ts";
import { callUnary } from "./unary.ts";

export interface ConnectOptions extends TransportOptions, Partial<StreamLimits> {
  /** Milliseconds that the server may take to become ready. Default 10 000. */
  readonly waitMs?: number;
  /** Milliseconds that a unary call may take. Default 30 000. */
  readonly callTimeoutMs?: number;
  /**
   * TCP connections that streams are dealt to in turn. Default 1: one carries more than one core can encode; more of
   * them where a balancer stands before several servers.
   */
  readonly connections?: number;
  /** Gives up waiting for the server. */
  readonly signal?: AbortSignal;
}

/** What a server says of itself. */
export interface ServerInfo {
  readonly name: string;
  readonly version: string;
  readonly extensions: readonly string[];
}

export interface ModelChoice {
  /** Default: whichever the server serves by default. */
  readonly version?: string;
  /** What the model's configuration does not say of its streaming. */
  readonly streaming?: StreamingOverrides;
}

/** A client of one server of Triton's protocol. */
export interface TritonClient extends AsyncDisposable {
  /** As given to {@link connect}. */
  readonly address: string;
  readonly server: ServerInfo;
  /**
   * A model to stream to: its tensors, and from parameters or states how it is streamed.
   *
   * @throws `model-not-found`, `streaming-spec`, `server-unavailable`, `rpc-failed`
   */
  model(name: string, choice?: ModelChoice): Promise<TritonModel>;
  /** One request to any model, outside of any stream. */
  infer(modelName: string, request: InferRequest, version?: string): Promise<InferResponse>;
  /** Whether the server answers at all. */
  isLive(): Promise<boolean>;
  /** Whether all of its models are ready. */
  isReady(): Promise<boolean>;
  isModelReady(name: string, version?: string): Promise<boolean>;
  modelMetadata(name: string, version?: string): Promise<ModelMetadataResponse>;
  modelConfig(name: string, version?: string): Promise<ModelConfig>;
  /** Counters and durations, of one model or of all. */
  statistics(name?: string, version?: string): Promise<readonly ModelStatistics[]>;
  /** Closes all connections. Streams that are open are lost. */
  close(): void;
}

/**
 * Connects to a server and waits until it is ready.
 *
 * @param address `host:port`, `grpc://host:port`, or `grpcs://host:port` for TLS
 * @throws `server-unavailable`, `aborted`, `invalid-option`
 *
 * @example
 * ```ts
 * const client = await connect("grpc://127.0.0.1:8001");
 * const model = await client.model("matched-filter-stream");
 * ```
 */
export async function connect(address: string, options: ConnectOptions = {}): Promise<TritonClient> {
  const target = parseAddress(address);
  const connections = options.connections ?? 1;
  if (!Number.isInteger(connections) || connections < 1)
    throw invalidOption("connect", "connections", connections, "a whole number of at least 1");
  const pool = createTransportPool(target, connections, options);
  try {
    await waitUntilReady(pool, address, options.waitMs ?? 10_000, options.signal);
    const { name, version, extensions } = await callUnary(
      pool.first(),
      GRPCInferenceService.method.serverMetadata,
      {},
      options.callTimeoutMs ?? 30_000,
    );
    return createClient(pool, address, { name, version, extensions }, options);
  } catch (error) {
    pool.close();
    throw error;
  }
}

function createClient(
  pool: TransportPool,
  address: string,
  server: ServerInfo,
  options: ConnectOptions,
): TritonClient {
  const methods = GRPCInferenceService.method;
  const callTimeoutMs = options.callTimeoutMs ?? 30_000;
  const limits = streamLimits(options);

  const modelMetadata = (name: string, version = ""): Promise<ModelMetadataResponse> =>
    callUnary(pool.first(), methods.modelMetadata, { name, version }, callTimeoutMs);

  async function modelConfig(name: string, version = ""): Promise<ModelConfig> {
    const { config } = await callUnary(pool.first(), methods.modelConfig, { name, version }, callTimeoutMs);
    if (config === undefined)
      throw new StrainflowError("rpc-failed", `${address} gave no configuration for model "${name}"`);
    return config;
  }

  /** Configurations of an ensemble's steps, and of theirs. */
  async function stepConfigs(config: ModelConfig, found: Map<string, ModelConfig>): Promise<void> {
    if (config.schedulingChoice.case !== "ensembleScheduling") return;
    for (const { modelName } of config.schedulingChoice.value.step) {
      if (found.has(modelName)) continue;
      const step = await modelConfig(modelName);
      found.set(modelName, step);
      await stepConfigs(step, found);
    }
  }

  return {
    address,
    server,
    modelMetadata,
    modelConfig,
    async model(name, { version: requestedVersion = "", streaming: overrides = {} } = {}) {
      const [metadata, config] = await Promise.all([
        modelMetadata(name, requestedVersion),
        modelConfig(name, requestedVersion),
      ]);
      const configs = new Map<string, ModelConfig>();
      await stepConfigs(config, configs);
      const inputs = metadata.inputs.map((input) => tensorSpec(name, input));
      return createModel({
        pool,
        name,
        requestedVersion,
        version: requestedVersion || latest(metadata.versions),
        inputs,
        outputs: metadata.outputs.map((output) => tensorSpec(name, output)),
        config,
        streaming: streamingSpec({ config, inputs, configs, overrides }),
        limits,
        callTimeoutMs,
      });
    },
    infer: async (modelName, request, version = "") =>
      inferOnce(pool, createRequestEncoder(modelName, version).encode(request), callTimeoutMs),
    isLive: () =>
      answers(async () => (await callUnary(pool.first(), methods.serverLive, {}, callTimeoutMs)).live),
    isReady: () =>
      answers(async () => (await callUnary(pool.first(), methods.serverReady, {}, callTimeoutMs)).ready),
    isModelReady: async (name, version = "") =>
      (await callUnary(pool.first(), methods.modelReady, { name, version }, callTimeoutMs)).ready,
    statistics: async (name = "", version = "") =>
      (await callUnary(pool.first(), methods.modelStatistics, { name, version }, callTimeoutMs)).modelStats,
    close: () => pool.close(),
    async [Symbol.asyncDispose]() {
      pool.close();
    },
  };
}

/** What a server says, or `false` if it says nothing. */
async function answers(ask: () => Promise<boolean>): Promise<boolean> {
  try {
    return await ask();
  } catch (error) {
    if (isStrainflowError(error, "server-unavailable")) return false;
    throw error;
  }
}

function streamLimits(options: ConnectOptions): StreamLimits {
  const limits = {
    maxBytesInFlight: options.maxBytesInFlight ?? 64 * 1024 * 1024,
    maxQueued: options.maxQueued ?? 16,
    responseTimeoutMs: options.responseTimeoutMs ?? 30_000,
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
  };
  for (const [name, value] of Object.entries(limits))
    if (!(value >= 1)) throw invalidOption("connect", name, value, "a number of at least 1");
  return limits;
}

function tensorSpec(
  modelName: string,
  { name, datatype, shape }: ModelMetadataResponse_TensorMetadata,
): TensorSpec {
  if (!isDatatype(datatype))
    throw new StrainflowError(
      "rpc-failed",
      `model "${modelName}" has a tensor "${name}" of unknown datatype "${datatype}"`,
    );
  return { name, datatype, shape: shape.map(Number) };
}

/** The highest of the version numbers. */
function latest(versions: readonly string[]): string {
  return versions.reduce((best, version) => (Number(version) > Number(best || "0") ? version : best), "");
}
