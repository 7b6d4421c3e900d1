import {
  type ModelConfig,
  type ModelDynamicBatching,
  type ModelQueuePolicy,
  ModelQueuePolicy_TimeoutAction,
} from "@strainflow/proto";
import { notLoadable } from "../models/model-spec.ts";
import type { SequenceBatching } from "../sequences/sequence-batching.ts";
import type { Levels } from "./priority-queue.ts";
import { PATIENT, type QueuePolicy } from "./queue-policy.ts";
import type { Batching } from "./stateless-scheduler.ts";

/*
 * What a configuration says of scheduling, as the schedulers take it.
 */

/** How requests are batched, if they are. @throws `model-not-loadable`, in Triton's words, if its numbers do not fit */
export function batchingOf(config: ModelConfig): Batching | undefined {
  const scheduling = config.schedulingChoice;
  if (scheduling.case !== "dynamicBatching") return undefined;
  const { name } = config;
  const { preferredBatchSize, maxQueueDelayMicroseconds, preserveOrdering } = scheduling.value;
  // A model without a batch dimension may have a queue: each of its requests is a batch.
  const maxSize = Math.max(1, config.maxBatchSize);
  return {
    preferred: checkPreferred(name, preferredBatchSize, maxSize),
    maxSize,
    delayNs: Number(maxQueueDelayMicroseconds) * 1000,
    levels: levelsOf(name, scheduling.value),
    keepsOrder: preserveOrdering,
  };
}

function checkPreferred(name: string, sizes: readonly number[], maxSize: number): readonly number[] {
  for (const size of sizes) {
    if (size < 1) throw notLoadable(name, `dynamic batching preferred size must be positive for ${name}`);
    if (size > maxSize)
      throw notLoadable(name, `dynamic batching preferred size must be <= max batch size for ${name}`);
  }
  return sizes.length === 0 ? [maxSize] : sizes;
}

/** More levels than any model has; each is a queue of its own. */
const MAX_LEVELS = 4096;

function levelsOf(name: string, batching: ModelDynamicBatching): Levels {
  const { defaultQueuePolicy, priorityQueuePolicy } = batching;
  const count = Number(batching.priorityLevels);
  const usual = Number(batching.defaultPriorityLevel);
  if (count > MAX_LEVELS) throw notLoadable(name, `priority_levels is ${count}; ${MAX_LEVELS} at most`);
  if (count > 0 && (usual < 1 || usual > count))
    throw notLoadable(name, `default priority level must be in range [1, ${count}] for ${name}`);
  const own = new Map(
    Object.entries(priorityQueuePolicy).map(([level, policy]) => [Number(level), queuePolicy(policy)]),
  );
  for (const level of own.keys())
    if (level < 1 || level > count)
      throw notLoadable(
        name,
        `priority queue policy must have priority level in range [1, ${count}] for ${name}`,
      );
  const others = defaultQueuePolicy === undefined ? PATIENT : queuePolicy(defaultQueuePolicy);
  const policies = Array.from({ length: Math.max(1, count) }, (_, at) => own.get(at + 1) ?? others);
  return { policies, usual: Math.max(1, usual) };
}

function queuePolicy(policy: ModelQueuePolicy): QueuePolicy {
  return {
    action: policy.timeoutAction === ModelQueuePolicy_TimeoutAction.DELAY ? "delay" : "reject",
    timeoutUs: Number(policy.defaultTimeoutMicroseconds),
    override: policy.allowTimeoutOverride,
    maxSize: policy.maxQueueSize,
  };
}

/** @throws `model-not-loadable`, in Triton's words, where an answer hangs on more than its request */
export function checkCaching({
  name,
  responseCache,
  schedulingChoice,
  modelTransactionPolicy,
}: ModelConfig): void {
  if (responseCache?.enable !== true) return;
  const no = (why: string): Error =>
    notLoadable(
      name,
      `Response Cache does not currently support model ${name} with ${why}. Please disable the response cache.`,
    );
  if (modelTransactionPolicy?.decoupled === true) throw no("'decoupled' transaction policy");
  if (schedulingChoice.case === "sequenceBatching") throw no("sequence batching scheduler");
}

/**
 * How a model's sequences share batches, if they do: not without a batch dimension, and not where states are of any
 * size, since two of different sizes do not fit into one batch.
 */
export function sequenceBatchingOf(config: ModelConfig): SequenceBatching | undefined {
  const scheduling = config.schedulingChoice;
  if (scheduling.case !== "sequenceBatching" || config.maxBatchSize <= 1) return undefined;
  const { strategyChoice: strategy, state } = scheduling.value;
  if (state.some(({ dims }) => dims.some((size) => size < 0n))) return undefined;
  const maxSize = config.maxBatchSize;
  if (strategy.case === "oldest") {
    const { preferredBatchSize, maxQueueDelayMicroseconds } = strategy.value;
    const preferred = checkPreferred(config.name, preferredBatchSize, maxSize);
    // Instances run one batch at a time: order is kept whether it is asked for or not.
    return {
      kind: "oldest",
      rules: { preferred, maxSize, delayNs: Number(maxQueueDelayMicroseconds) * 1000 },
    };
  }
  const direct = strategy.case === "direct" ? strategy.value : undefined;
  return {
    kind: "direct",
    width: maxSize,
    utilization: direct?.minimumSlotUtilization ?? 0,
    delayNs: Number(direct?.maxQueueDelayMicroseconds ?? 0n) * 1000,
  };
}

/** Sequences that run at a time. */
export function slotsOf(config: ModelConfig, instances: number): number {
  const scheduling = config.schedulingChoice;
  if (scheduling.case === "sequenceBatching" && scheduling.value.strategyChoice.case === "oldest")
    return instances * Math.max(1, scheduling.value.strategyChoice.value.maxCandidateSequences);
  return instances * Math.max(1, config.maxBatchSize);
}

/** Triton's default is one second. */
export function idleMsOf(config: ModelConfig): number {
  const scheduling = config.schedulingChoice;
  const given = scheduling.case === "sequenceBatching" ? scheduling.value.maxSequenceIdleMicroseconds : 0n;
  // Timers count in 31 bits: 24.8 days.
  return given === 0n ? 1000 : Math.min(Number(given) / 1000, 2 ** 31 - 1);
}
