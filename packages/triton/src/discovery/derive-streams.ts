import type { ModelConfig } from "@strainflow/proto";
import { declaredStreams } from "./declared-streams.ts";
import {
  type Configs,
  fixed,
  statesOf,
  stepKey,
  strainflowParameters,
  updateInputs,
} from "./step-configs.ts";

/** What the configuration of a model, or of the steps of an ensemble, says about an input that is streamed. */
export interface DerivedStream {
  /** Name of the model's or ensemble's input. */
  readonly input: string;
  readonly channelCount: number | undefined;
  /** Samples per request. */
  readonly requestSize: number | undefined;
  /** Snapshots per request. */
  readonly batchSize: number | undefined;
  /** Samples of a snapshot; nothing where its model has other states too, whose reach nothing tells. */
  readonly snapshotSize: number | undefined;
  /** `strainflow.*` parameters of the step that keeps the snapshot. */
  readonly parameters: ReadonlyMap<string, string>;
}

/**
 * The inputs that a snapshotter takes its updates from.
 *
 * A snapshotter is a sequence-batched model with states `[…, Ci, Li]`, an input `[…, Ci, S·B]` for each, and outputs
 * `[B, Cj, L]` (or `[B, L]` of one channel) whose channels add up to those of the states: hermes' convention, whatever
 * the names and however many.
 * One of the python backend, which has no such states, says its streams in its parameter `strainflow.snapshots`.
 * In an ensemble it counts where one of the ensemble's own inputs feeds it, and once, whatever its snapshots feed.
 */
export function deriveStreams(config: ModelConfig, configs: Configs): readonly DerivedStream[] {
  const found = streamsOf(config, configs, new Set());
  return found.filter((stream, i) => found.findIndex(({ input }) => input === stream.input) === i);
}

function streamsOf(
  config: ModelConfig,
  configs: Configs,
  outer: ReadonlySet<string>,
): readonly DerivedStream[] {
  if (config.schedulingChoice.case !== "ensembleScheduling") return snapshotterStreams(config);
  const own = new Set(config.input.map((input) => input.name));
  const inside = new Set([...outer, config.name]);
  const found: DerivedStream[] = [];
  for (const step of config.schedulingChoice.value.step) {
    const model = configs.get(stepKey(step));
    if (model === undefined || inside.has(step.modelName)) continue;
    for (const stream of streamsOf(model, configs, inside)) {
      const input = step.inputMap[stream.input];
      if (input !== undefined && own.has(input)) found.push({ ...stream, input });
    }
  }
  return found;
}

interface Pair {
  readonly input: string;
  readonly rank: number;
  readonly channelCount: number;
  readonly requestSize: number | undefined;
  readonly stateSize: number | undefined;
}

export function snapshotterStreams(config: ModelConfig): readonly DerivedStream[] {
  const pairs = pairStates(config);
  const first = pairs[0];
  if (first === undefined) return statesOf(config).length === 0 ? declaredStreams(config) : [];
  const shapes = config.output.map(({ dims }) => dims.map(Number));
  const outputs = shapes.filter((dims) => dims.length === first.rank);
  const flat = shapes.filter((dims) => dims.length === first.rank - 1 && (first.rank < 3 || dims[0] !== 1));
  const given = outputs.reduce((sum, dims) => sum + (dims.at(-2) ?? 0), 0);
  const taken = pairs.reduce((sum, { channelCount }) => sum + channelCount, 0);
  if (given !== taken && given + flat.length !== taken) return [];
  const knowsAll = pairs.length === statesOf(config).length;
  return pairs.map(({ input, rank, channelCount, requestSize, stateSize }) => ({
    input,
    channelCount,
    requestSize,
    // With max_batch_size the dims leave the batch out, and the number of snapshots with it.
    batchSize: rank > 2 ? fixed((outputs[0] ?? flat[0])?.[0]) : undefined,
    snapshotSize: knowsAll
      ? pairs.length > 1
        ? stateSize
        : (fixed((outputs[0] ?? flat[0])?.at(-1)) ?? stateSize)
      : undefined,
    parameters: strainflowParameters(config),
  }));
}

/** Each state with the input that updates it: the first, in their order, that has its channels. */
function pairStates(config: ModelConfig): Pair[] {
  const left = [...updateInputs(config)];
  const pairs: Pair[] = [];
  for (const state of statesOf(config)) {
    const dims = state.dims.map(Number);
    const rank = dims.length;
    const channelCount = fixed(dims.at(-2));
    if (rank < 2 || channelCount === undefined) continue;
    const at = left.findIndex(
      (input) =>
        input.dims.length === rank &&
        Number(input.dims.at(-2)) === channelCount &&
        !(rank > 2 && Number(input.dims[0]) > 1),
    );
    const input = left[at];
    if (input === undefined) continue;
    left.splice(at, 1);
    pairs.push({
      input: input.name,
      rank,
      channelCount,
      requestSize: fixed(Number(input.dims.at(-1))),
      stateSize: fixed(dims.at(-1)),
    });
  }
  return pairs;
}
