import { GRPCInferenceService, type RepositoryIndexResponse_ModelIndex } from "@strainflow/proto";
import { type CallOptions, callLimits } from "./call-options.ts";
import type { Servers } from "./transport/servers.ts";

/** What a model repository holds: one entry per model and version. */
export interface IndexEntry {
  readonly name: string;
  /** Empty where no version is loaded. */
  readonly version: string;
  /** `READY`, `LOADING`, `UNLOADING`, `UNAVAILABLE`, `UNKNOWN`; empty where it was never loaded. */
  readonly state: string;
  /** Why it is not ready. */
  readonly reason: string;
}

export interface LoadOptions extends CallOptions {
  /** A whole model configuration, which replaces the model's `config.pbtxt`: as JSON text or as what becomes it. */
  readonly config?: string | object;
  /**
   * Files that replace those of the model's folder, by their place in it (`1/model.onnx`). Needs `config`. They live in
   * the server's memory alone.
   */
  readonly files?: Readonly<Record<string, Uint8Array>>;
}

export interface UnloadOptions extends CallOptions {
  /** Also the models that an ensemble is made of. Default: not. */
  readonly unloadDependents?: boolean;
}

/**
 * The model repository of a server; of each, where there are several. Loading and unloading are possible where the server
 * was started with `--model-control-mode=explicit`; others answer `rpc-failed` (`… if polling is enabled`).
 */
export interface RepositoryControl {
  /** Of one of the servers. */
  index(options?: CallOptions & { readonly ready?: boolean }): Promise<readonly IndexEntry[]>;
  /** Loads a model, or loads it anew. @throws `rpc-failed` with the server's reason, `server-unavailable` */
  load(name: string, options?: LoadOptions): Promise<void>;
  unload(name: string, options?: UnloadOptions): Promise<void>;
}

const { repositoryIndex, repositoryModelLoad, repositoryModelUnload } = GRPCInferenceService.method;

export function createRepositoryControl(servers: Servers, callTimeoutMs: number): RepositoryControl {
  return {
    async index({ ready = false, ...options } = {}) {
      const limits = callLimits(options, callTimeoutMs);
      const { models } = await servers.ask((link) => link.call(repositoryIndex, { ready }, limits));
      return models.map(indexEntry);
    },
    async load(modelName, { config, files = {}, ...options } = {}) {
      const parameters: Record<string, { parameterChoice: RepositoryParameter }> = {};
      if (config !== undefined)
        parameters.config = {
          parameterChoice: {
            case: "stringParam",
            value: typeof config === "string" ? config : JSON.stringify(config),
          },
        };
      for (const [path, value] of Object.entries(files))
        parameters[`file:${path}`] = { parameterChoice: { case: "bytesParam", value } };
      const limits = callLimits(options, callTimeoutMs);
      await servers.tell((link) => link.call(repositoryModelLoad, { modelName, parameters }, limits));
    },
    async unload(modelName, { unloadDependents = false, ...options } = {}) {
      const parameters: Record<string, { parameterChoice: RepositoryParameter }> = unloadDependents
        ? { unload_dependents: { parameterChoice: { case: "boolParam", value: true } } }
        : {};
      const limits = callLimits(options, callTimeoutMs);
      await servers.tell((link) => link.call(repositoryModelUnload, { modelName, parameters }, limits));
    },
  };
}

type RepositoryParameter =
  | { readonly case: "boolParam"; readonly value: boolean }
  | { readonly case: "stringParam"; readonly value: string }
  | { readonly case: "bytesParam"; readonly value: Uint8Array };

function indexEntry({ name, version, state, reason }: RepositoryIndexResponse_ModelIndex): IndexEntry {
  return { name, version, state, reason };
}
