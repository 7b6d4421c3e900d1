import { create } from "@bufbuild/protobuf";
import {
  type InferBatchStatistics,
  InferBatchStatisticsSchema,
  type InferStatistics,
  type ModelStatistics,
  ModelStatisticsSchema,
  type StatisticDuration,
} from "@strainflow/proto";

type Duration = Pick<StatisticDuration, "count" | "ns">;
type DurationName = Exclude<keyof InferStatistics, "$typeName" | "$unknown">;

/** What processes have done, by model and version. */
export function sumStatistics(all: readonly ModelStatistics[]): readonly ModelStatistics[] {
  const sums = new Map<string, ModelStatistics>();
  for (const one of all) {
    const key = JSON.stringify([one.name, one.version]);
    const before = sums.get(key);
    sums.set(key, before === undefined ? one : sum(before, one));
  }
  return [...sums.values()];
}

function sum(a: ModelStatistics, b: ModelStatistics): ModelStatistics {
  const of = (name: DurationName): Duration => durations(a.inferenceStats?.[name], b.inferenceStats?.[name]);
  const { name, version } = a;
  return create(ModelStatisticsSchema, {
    name,
    version,
    lastInference: a.lastInference > b.lastInference ? a.lastInference : b.lastInference,
    inferenceCount: a.inferenceCount + b.inferenceCount,
    executionCount: a.executionCount + b.executionCount,
    inferenceStats: {
      success: of("success"),
      fail: of("fail"),
      queue: of("queue"),
      computeInput: of("computeInput"),
      computeInfer: of("computeInfer"),
      computeOutput: of("computeOutput"),
      cacheHit: of("cacheHit"),
      cacheMiss: of("cacheMiss"),
    },
    batchStats: batches([...a.batchStats, ...b.batchStats]),
  });
}

function durations(a: Duration | undefined, b: Duration | undefined): { count: bigint; ns: bigint } {
  return { count: (a?.count ?? 0n) + (b?.count ?? 0n), ns: (a?.ns ?? 0n) + (b?.ns ?? 0n) };
}

function batches(all: readonly InferBatchStatistics[]): InferBatchStatistics[] {
  const sums = new Map<bigint, InferBatchStatistics>();
  for (const one of all) {
    const before = sums.get(one.batchSize);
    sums.set(
      one.batchSize,
      before === undefined
        ? one
        : create(InferBatchStatisticsSchema, {
            batchSize: one.batchSize,
            computeInput: durations(before.computeInput, one.computeInput),
            computeInfer: durations(before.computeInfer, one.computeInfer),
            computeOutput: durations(before.computeOutput, one.computeOutput),
          }),
    );
  }
  return [...sums.values()].sort((a, b) => (a.batchSize < b.batchSize ? -1 : 1));
}
