import {
  GRPCInferenceService,
  Health,
  HealthCheckResponse_ServingStatus,
  type ModelConfig,
  type ModelMetadataResponse,
  type ModelStatistics,
} from "@strainflow/proto";
import { isStrainflowError } from "@strainflow/series";
import { type CallOptions, callLimits } from "./call-options.ts";
import { discoverModel, modelConfig } from "./discovery/discover-model.ts";
import { type StreamingOverrides, streamingSpec } from "./discovery/streaming-spec.ts";
import { createGenerating, type Generating } from "./generate.ts";
import { createModel, type ServedModel, type TritonModel } from "./model.ts";
import { createRepositoryControl, type RepositoryControl } from "./repository-control.ts";
import type { InferResult, TritonRequest } from "./request.ts";
import { createServerSettings, type ServerSettings } from "./server-settings.ts";
import { type CudaMemory, createCudaMemory, createSystemMemory, type SystemMemory } from "./shared-memory.ts";
import type { StreamLimits } from "./streams/infer-call.ts";
import { createServers, type Servers } from "./transport/servers.ts";

/** What a server says of itself. */
export interface ServerInfo {
  readonly name: string;
  readonly version: string;
  readonly extensions: readonly string[];
}

/** One of the servers behind a client. */
export interface ServerStatus {
  readonly address: string;
  /** Whether it answered when it was last asked; of a single server, nobody asks. */
  readonly healthy: boolean;
  /** Streams that are open to it; of a single server, nobody counts. */
  readonly openStreams: number;
  /** A client of this server alone, on the same connections: it is closed with the other, not by itself. */
  client(): TritonClient;
}

/** Which model, and how long to wait for it. */
export interface ModelQuery extends CallOptions {
  /** Default: whichever the server serves by default. */
  readonly version?: string;
  /**
   * Milliseconds that a model which is in the repository may take to be loaded. Default 0: one that is not is an error
   * (`model-not-ready`) at once.
   */
  readonly waitMs?: number;
}

export interface ModelChoice extends ModelQuery {
  /** What the model's configuration does not say of its streaming. */
  readonly streaming?: StreamingOverrides;
}

export interface InferOptions extends CallOptions {
  /** Default: whichever the server serves by default. */
  readonly version?: string;
}

/**
 * A client of one server of Triton's protocol, or of several that serve the same models: questions and single requests
 * then go to the healthy ones in turn, each stream and each sequence to one of them, and changes (loading, settings,
 * shared memory) to all.
 */
export interface TritonClient extends AsyncDisposable, Generating {
  /** As given to `connect`; of several, with commas between. */
  readonly address: string;
  readonly server: ServerInfo;
  readonly servers: readonly ServerStatus[];
  /**
   * A model to push a stream through: its tensors, and from parameters or states how it is streamed.
   *
   * @throws `model-not-found`, `model-not-ready`, `streaming-spec`, `server-unavailable`, `rpc-failed`
   */
  model(name: string, choice?: ModelChoice): Promise<TritonModel>;
  /**
   * Any model, for single requests, sessions and streams of one's own.
   *
   * @throws `model-not-found`, `model-not-ready`, `server-unavailable`, `rpc-failed`
   */
  servedModel(name: string, query?: ModelQuery): Promise<ServedModel>;
  /**
   * One request to any model, outside of any stream. Where its metadata are not asked for first, inputs need their
   * datatype and shape.
   */
  infer(modelName: string, request: TritonRequest, options?: InferOptions): Promise<InferResult>;
  /** Whether a server answers at all. */
  isLive(options?: CallOptions): Promise<boolean>;
  /** Whether all of its models are ready. */
  isReady(options?: CallOptions): Promise<boolean>;
  isModelReady(name: string, version?: string, options?: CallOptions): Promise<boolean>;
  /** By gRPC's own health service: of the server, or of one of its services. */
  isServing(service?: string, options?: CallOptions): Promise<boolean>;
  modelMetadata(name: string, version?: string, options?: CallOptions): Promise<ModelMetadataResponse>;
  modelConfig(name: string, version?: string, options?: CallOptions): Promise<ModelConfig>;
  /** Counters and durations, of one model or of all. Of one of several servers: ask each of `servers` for its own. */
  statistics(name?: string, version?: string, options?: CallOptions): Promise<readonly ModelStatistics[]>;
  readonly repository: RepositoryControl;
  readonly systemMemory: SystemMemory;
  readonly cudaMemory: CudaMemory;
  readonly settings: ServerSettings;
  /** Closes all connections. Streams that are open are lost. */
  close(): void;
}

const methods = GRPCInferenceService.method;

export function createClient(
  servers: Servers,
  server: ServerInfo,
  limits: StreamLimits,
  callTimeoutMs: number,
): TritonClient {
  const address = servers.states.map(({ link }) => link.address).join(",");

  const facts = (name: string, { version = "", waitMs = 0, ...options }: ModelQuery) =>
    servers.ask((link) =>
      discoverModel(link, name, { timeoutMs: callTimeoutMs, ...options, version, waitMs }),
    );

  return {
    address,
    server,
    servers: servers.states.map((state) => ({
      address: state.link.address,
      get healthy() {
        return state.healthy;
      },
      get openStreams() {
        return state.openStreams;
      },
      client: () =>
        createClient(
          createServers([{ ...state.link, close: () => undefined }], {}),
          server,
          limits,
          callTimeoutMs,
        ),
    })),
    modelMetadata: (name, version = "", options = {}) =>
      servers.ask((link) =>
        link.call(methods.modelMetadata, { name, version }, callLimits(options, callTimeoutMs)),
      ),
    modelConfig: (name, version = "", options = {}) =>
      servers.ask((link) => modelConfig(link, name, version, { timeoutMs: callTimeoutMs, ...options })),
    async model(name, { streaming: overrides = {}, ...query } = {}) {
      const { config, configs, inputs, outputs, metadata } = await facts(name, query);
      const requestedVersion = query.version ?? "";
      return createModel({
        servers,
        name,
        requestedVersion,
        version: requestedVersion || latest(metadata.versions),
        inputs,
        outputs,
        config,
        streaming: streamingSpec({ config, inputs, configs, overrides }),
        limits,
        callTimeoutMs,
      });
    },
    async servedModel(name, query = {}) {
      const { config, inputs, outputs, metadata } = await facts(name, query);
      const requestedVersion = query.version ?? "";
      const version = requestedVersion || latest(metadata.versions);
      return createModel({
        servers,
        name,
        requestedVersion,
        version,
        inputs,
        outputs,
        config,
        limits,
        callTimeoutMs,
      });
    },
    infer: async (modelName, request, { version = "", ...options } = {}) =>
      servers.infer(
        { name: modelName, version, decoupled: false },
        request,
        callLimits(options, callTimeoutMs),
      ),
    ...createGenerating(servers, callTimeoutMs),
    isLive: (options) =>
      answers(servers, async (link) => {
        const { live } = await link.call(methods.serverLive, {}, callLimits(options, callTimeoutMs));
        return live;
      }),
    isReady: (options) =>
      answers(servers, async (link) => {
        const { ready } = await link.call(methods.serverReady, {}, callLimits(options, callTimeoutMs));
        return ready;
      }),
    isServing: (service = "", options = {}) =>
      answers(servers, async (link) => {
        const limits = callLimits(options, callTimeoutMs);
        const { status } = await link.call(Health.method.check, { service }, limits);
        return status === HealthCheckResponse_ServingStatus.SERVING;
      }),
    isModelReady: async (name, version = "", options = {}) => {
      const limits = callLimits(options, callTimeoutMs);
      const { ready } = await servers.ask((link) => link.call(methods.modelReady, { name, version }, limits));
      return ready;
    },
    async statistics(name = "", version = "", options = {}) {
      const limits = callLimits(options, callTimeoutMs);
      const { modelStats } = await servers.ask((link) =>
        link.call(methods.modelStatistics, { name, version }, limits),
      );
      return modelStats;
    },
    repository: createRepositoryControl(servers, callTimeoutMs),
    systemMemory: createSystemMemory(servers, callTimeoutMs),
    cudaMemory: createCudaMemory(servers, callTimeoutMs),
    settings: createServerSettings(servers, callTimeoutMs),
    close: () => servers.close(),
    async [Symbol.asyncDispose]() {
      servers.close();
    },
  };
}

/** What a server says, or `false` if it says nothing. */
async function answers(
  servers: Servers,
  question: (link: Servers["states"][number]["link"]) => Promise<boolean>,
): Promise<boolean> {
  try {
    return await servers.ask(question);
  } catch (error) {
    if (isStrainflowError(error, "server-unavailable") || isStrainflowError(error, "deadline-exceeded"))
      return false;
    throw error;
  }
}

/** The highest of the version numbers. */
function latest(versions: readonly string[]): string {
  return versions.reduce((best, version) => (Number(version) > Number(best || "0") ? version : best), "");
}
