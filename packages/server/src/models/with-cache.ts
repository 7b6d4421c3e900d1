import type { ModelConfig } from "@strainflow/proto";
import type { EnsemblePlan } from "../ensembles/ensemble-plan.ts";
import { type CachedOptions, CachedScheduler } from "../scheduling/cached-scheduler.ts";
import type { ResponseCache } from "../scheduling/response-cache.ts";
import type { Scheduler } from "../scheduling/scheduler.ts";

export interface CacheAtHand {
  /** Absent: the server has none. */
  readonly cache?: ResponseCache;
  readonly log: (message: string) => void;
}

type What = Omit<CachedOptions, "cache">;

/** The scheduler behind the cache, where the configuration asks for it and there is one. */
export function withCache(config: ModelConfig, what: What, { cache, log }: CacheAtHand): Scheduler {
  if (config.responseCache?.enable !== true) return what.scheduler;
  if (cache !== undefined) return new CachedScheduler({ ...what, cache });
  log(
    `model '${config.name}': response_cache is enabled, and the server has no cache; give it a responseCacheSize`,
  );
  return what.scheduler;
}

/**
 * The same for an ensemble: a whole request's answer is kept, beside those that its steps may keep. Triton keeps also
 * what came of states, and gives a sequence's answer to the next one; ours keeps nothing of such an ensemble.
 */
export function ensembleWithCache(
  config: ModelConfig,
  plan: EnsemblePlan,
  what: What,
  atHand: CacheAtHand,
): Scheduler {
  const changing = plan.decoupled || plan.steps.some(({ model }) => model.stateful);
  if (config.responseCache?.enable !== true || !changing) return withCache(config, what, atHand);
  atHand.log(
    `ensemble '${config.name}': response_cache is enabled, and one of its steps keeps states or is decoupled, so that the same inputs may have other answers: nothing of it is cached`,
  );
  return what.scheduler;
}
