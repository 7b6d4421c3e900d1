import type { ModelConfig } from "@strainflow/proto";
import { notLoadable } from "./model-spec.ts";
import type { Batching } from "./stateless-scheduler.ts";

/*
 * What a configuration says of scheduling, as the schedulers take it.
 */

/** @throws `model-not-loadable` if its sizes do not fit */
export function batchingOf(config: ModelConfig): Batching | undefined {
  const scheduling = config.schedulingChoice;
  if (scheduling.case !== "dynamicBatching") return undefined;
  const maxSize = config.maxBatchSize;
  if (maxSize < 1) throw notLoadable(config.name, "dynamic_batching needs max_batch_size ≥ 1");
  const { preferredBatchSize, maxQueueDelayMicroseconds } = scheduling.value;
  if (preferredBatchSize.some((size) => size < 1 || size > maxSize))
    throw notLoadable(config.name, `preferred_batch_size [${preferredBatchSize}] must lie in 1 … ${maxSize}`);
  return {
    preferred: [...preferredBatchSize].sort((a, b) => a - b),
    maxSize,
    delayMs: Number(maxQueueDelayMicroseconds) / 1000,
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
