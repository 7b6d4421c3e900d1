import { BatchInput_Kind, type ModelConfig } from "@strainflow/proto";
import { datatypeOf, notLoadable } from "../models/model-spec.ts";
import type { BatchInputSpec, RaggedPlan } from "./ragged-batch.ts";

const KINDS: Readonly<Record<BatchInput_Kind, BatchInputSpec["kind"]>> = {
  [BatchInput_Kind.BATCH_ELEMENT_COUNT]: "element-count",
  [BatchInput_Kind.BATCH_ACCUMULATED_ELEMENT_COUNT]: "accumulated",
  [BatchInput_Kind.BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO]: "accumulated-with-zero",
  [BatchInput_Kind.BATCH_MAX_ELEMENT_COUNT_AS_SHAPE]: "largest-as-shape",
  [BatchInput_Kind.BATCH_ITEM_SHAPE]: "item-shape",
  [BatchInput_Kind.BATCH_ITEM_SHAPE_FLATTEN]: "item-shape-flat",
};

/**
 * How a configuration wants requests of different shapes batched; `undefined` where it does not.
 *
 * @throws `model-not-loadable` if what it says does not fit together
 */
export function raggedOf(config: ModelConfig): RaggedPlan | undefined {
  const { name, batchInput, batchOutput } = config;
  const ragged = new Set(
    config.input.filter(({ allowRaggedBatch }) => allowRaggedBatch).map((input) => input.name),
  );
  if (ragged.size === 0 && batchInput.length === 0 && batchOutput.length === 0) return undefined;
  const fail = (why: string): Error => notLoadable(name, why);
  if (config.schedulingChoice.case === "sequenceBatching")
    throw fail("ragged batches and batch_input are for models without sequences");
  if (config.maxBatchSize < 1) throw fail("ragged batches and batch_input need max_batch_size ≥ 1");
  const source = (what: string, sources: readonly string[]): string => {
    const [first] = sources;
    if (first === undefined || sources.length > 1)
      throw fail(`${what} takes one source_input, and has ${sources.length}`);
    if (!config.input.some((input) => input.name === first))
      throw fail(`${what} is about '${first}', which is no input`);
    return first;
  };
  const made = batchInput.map(({ targetName, kind, dataType, sourceInput }): BatchInputSpec => {
    const what = `batch_input '${targetName.join("', '")}'`;
    const datatype = datatypeOf(name, what, dataType);
    if (datatype !== "FP32" && datatype !== "INT32" && datatype !== "INT64")
      throw fail(`${what} is ${datatype}; it can be FP32, INT32 or INT64`);
    return { names: targetName, kind: KINDS[kind], datatype, source: source(what, sourceInput) };
  });
  const scattered = new Map<string, string>();
  for (const { targetName, sourceInput } of batchOutput)
    for (const target of targetName) {
      const what = `batch_output '${target}'`;
      if (!config.output.some((output) => output.name === target)) throw fail(`${what} is no output`);
      scattered.set(target, source(what, sourceInput));
    }
  return { ragged, made, scattered };
}
