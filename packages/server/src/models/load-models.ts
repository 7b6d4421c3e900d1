import type { ComputeThread } from "../backends/compute-thread.ts";
import { RateLimiter } from "../scheduling/rate-limiter.ts";
import { ResponseCache } from "../scheduling/response-cache.ts";
import { type ControlLog, ModelControl } from "./model-control.ts";
import { ModelLoader } from "./model-loader.ts";
import type { ModelRegistry } from "./model-registry.ts";
import { type ModelControlMode, ModelRepository } from "./model-repository.ts";

export interface LoadedModels {
  readonly registry: ModelRegistry;
  readonly repository: ModelRepository;
  /** More of them come as more models are loaded. */
  readonly threads: readonly ComputeThread[];
}

export interface LoadModelsOptions {
  readonly repository: string;
  /** Threads for stateless models, and at most as many again for sequences. */
  readonly workers: number;
  readonly log: ControlLog;
  readonly mode?: ModelControlMode;
  readonly startupModels?: readonly string[];
  readonly pollMs?: number;
  readonly maxSequences?: number;
  /** Bytes of answers to keep; 0: none. */
  readonly responseCacheSize?: number;
  /** Instances run by turns, and share these resources. */
  readonly rateLimit?: ReadonlyMap<string, number>;
}

/** Fifteen seconds, as in Triton. */
const POLL_MS = 15_000;

/** Opens a repository and loads what its mode says. @throws `repository-not-readable`, `model-not-loadable` */
export async function loadModels(options: LoadModelsOptions): Promise<LoadedModels> {
  const { workers, log, mode = "none", startupModels = [], pollMs = POLL_MS } = options;
  const { responseCacheSize = 0, rateLimit } = options;
  const loader = new ModelLoader({
    workers,
    log: (message) => log.warning(message),
    ...(options.maxSequences === undefined ? {} : { maxSequences: options.maxSequences }),
    ...(responseCacheSize === 0 ? {} : { cache: new ResponseCache(responseCacheSize) }),
    ...(rateLimit === undefined ? {} : { limiter: new RateLimiter(rateLimit) }),
  });
  const control = new ModelControl({ loader, log });
  const repository = new ModelRepository(control, {
    repository: options.repository,
    mode,
    startupModels,
    pollMs,
    log,
  });
  try {
    await repository.start();
  } catch (error) {
    repository.close();
    await Promise.all(loader.threads.map((thread) => thread.close()));
    throw error;
  }
  return { registry: control.registry, repository, threads: loader.threads };
}
