import { type ModelConfig, ModelInstanceGroup_Kind } from "@strainflow/proto";
import { platforms } from "./platforms.ts";
import type { CheckedModel, Report } from "./verify.ts";

/** Instances, dynamic batching, cache and warm-up. */
export function verifyBatching({ config, platform }: CheckedModel, report: Report): void {
  const needsGpu = platform !== undefined && platforms[platform].needsGpu === true;
  for (const [i, { kind, gpus, count }] of config.instanceGroup.entries()) {
    const where = `instance_group[${i}]`;
    if (kind === ModelInstanceGroup_Kind.CPU && gpus.length > 0)
      report(
        "error",
        `${where}.gpus`,
        "a group of KIND_CPU names GPUs",
        "leave gpus out, or make it KIND_GPU",
      );
    if (kind === ModelInstanceGroup_Kind.CPU && needsGpu)
      report("error", `${where}.kind`, `${platform} runs on GPUs only`, "make it KIND_GPU");
    if (count < 0)
      report("warning", `${where}.count`, `is ${count}`, "use 1 or more; one instance runs otherwise");
  }
  const { schedulingChoice, maxBatchSize } = config;
  if (schedulingChoice.case === "dynamicBatching")
    verifyDynamic(schedulingChoice.value, maxBatchSize, report);
  if (config.responseCache?.enable === true) {
    if (schedulingChoice.case === "sequenceBatching")
      report(
        "error",
        "response_cache",
        "there is none for sequences: equal requests differ in state",
        "disable it",
      );
    if (config.modelTransactionPolicy?.decoupled === true)
      report("error", "response_cache", "there is none for decoupled models", "disable it");
  }
  verifyWarmup(config, report);
}

type Dynamic = Extract<ModelConfig["schedulingChoice"], { case: "dynamicBatching" }>["value"];

function verifyDynamic(batching: Dynamic, maxBatchSize: number, report: Report): void {
  const { preferredBatchSize, priorityLevels, defaultPriorityLevel, priorityQueuePolicy } = batching;
  if (maxBatchSize === 0)
    report(
      "warning",
      "dynamic_batching",
      "without a batch dimension there is nothing to put together",
      "set max_batch_size to 2 or more and leave the batch out of dims, or take dynamic_batching out",
    );
  if (preferredBatchSize.some((size) => size < 1 || size > maxBatchSize))
    report(
      "error",
      "dynamic_batching.preferred_batch_size",
      `is [${preferredBatchSize.join(", ")}]`,
      `each must be from 1 to max_batch_size, ${maxBatchSize}`,
    );
  if (priorityLevels > 0n && (defaultPriorityLevel < 1n || defaultPriorityLevel > priorityLevels))
    report(
      "error",
      "dynamic_batching.default_priority_level",
      `is ${defaultPriorityLevel}`,
      `it must be from 1 to priority_levels, ${priorityLevels}`,
    );
  for (const level of Object.keys(priorityQueuePolicy))
    if (BigInt(level) < 1n || BigInt(level) > priorityLevels)
      report(
        "warning",
        "dynamic_batching.priority_queue_policy",
        `has a policy for priority ${level}, which there is not`,
        `priorities go from 1 to priority_levels, ${priorityLevels}`,
      );
}

function verifyWarmup({ modelWarmup, maxBatchSize, input }: ModelConfig, report: Report): void {
  for (const [i, { batchSize, inputs }] of modelWarmup.entries()) {
    const where = `model_warmup[${i}]`;
    if (batchSize > maxBatchSize)
      report(
        "error",
        `${where}.batch_size`,
        `is ${batchSize}, and max_batch_size ${maxBatchSize}: the server was seen to die of it`,
        `use at most ${maxBatchSize}`,
      );
    for (const { name, dataType, dims, optional } of input) {
      const made = inputs[name];
      if (made === undefined) {
        if (!optional) report("warning", `${where}.inputs`, `lacks input ${name}`, "make up every input");
        continue;
      }
      const fits =
        made.dims.length === dims.length &&
        made.dims.every((size, d) => size > 0n && (dims[d] === -1n || dims[d] === size));
      if (made.dataType !== dataType || !fits)
        report(
          "warning",
          `${where}.inputs.${name}`,
          `is [${made.dims.join(", ")}], not as declared; the warm-up fails, and the model counts as ready without it`,
          `give type and dims of the input, [${dims.join(", ")}], with sizes in place of −1`,
        );
    }
    for (const name of Object.keys(inputs))
      if (!input.some((one) => one.name === name))
        report("warning", `${where}.inputs.${name}`, "there is no such input", "use the model's names");
  }
}
