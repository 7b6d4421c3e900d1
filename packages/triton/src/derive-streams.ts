import type { ModelConfig, ModelEnsembling_Step, ModelSequenceBatching_State } from "@strainflow/proto";

/** What the configuration of a model, or of the steps of an ensemble, says about an input that is streamed. */
export interface DerivedStream {
  /** Name of the model's or ensemble's input. */
  readonly input: string;
  readonly channelCount: number | undefined;
  /** Samples per request. */
  readonly requestSize: number | undefined;
  /** Snapshots per request. */
  readonly batchSize: number | undefined;
  /** Samples of a snapshot. */
  readonly snapshotSize: number | undefined;
  /** `strainflow.*` parameters of the step that keeps the snapshot. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Configurations by {@link stepKey}: those of an ensemble's steps, also of nested ensembles. */
export type Configs = ReadonlyMap<string, ModelConfig>;

/** A step's model, and its version where the step names one: two steps may be two versions of one model. */
export function stepKey({ modelName, modelVersion }: ModelEnsembling_Step): string {
  return modelVersion > 0n ? `${modelName}/${modelVersion}` : modelName;
}

/**
 * The inputs that a snapshotter takes its updates from.
 *
 * A snapshotter is a sequence-batched model with a state `[…, C, L]`, an input `[…, C, S·B]` and outputs `[B, Cj, L]`
 * whose channels add up to C: hermes' convention, whatever the names. In an ensemble it counts where one of the
 * ensemble's own inputs feeds it.
 */
export function deriveStreams(config: ModelConfig, configs: Configs): readonly DerivedStream[] {
  return streamsOf(config, configs, new Set());
}

/** What averaging steps add to a model. What their sizes do not tell is `undefined`. */
export interface Averaging {
  /** How many strides before its own one an output reaches back: N − 1, summed over all averaging steps. */
  readonly strides: number | undefined;
  /** Output samples per stride: U of the last averaging step, 1 where there is none. */
  readonly updateSize: number | undefined;
}

/**
 * The averaging steps of a model or ensemble.
 *
 * An averager is a sequence-batched model with an input `[B, …, N·U or more]` and an output `[1, …, U·B]`. N is said by
 * its parameter `strainflow.num_updates`; hermes', which has none, keeps a state of `(N + B − 1)·U`.
 */
export function deriveAveraging(config: ModelConfig, configs: Configs): Averaging {
  return averagingOf(config, configs, new Set());
}

function streamsOf(config: ModelConfig, configs: Configs, outer: ReadonlySet<string>): DerivedStream[] {
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

function averagingOf(config: ModelConfig, configs: Configs, outer: ReadonlySet<string>): Averaging {
  if (config.schedulingChoice.case !== "ensembleScheduling") return averagerSizes(config);
  const inside = new Set([...outer, config.name]);
  let all = NO_AVERAGING;
  for (const step of config.schedulingChoice.value.step) {
    const model = configs.get(stepKey(step));
    if (model === undefined || inside.has(step.modelName)) continue;
    const one = averagingOf(model, configs, inside);
    if (one === NO_AVERAGING) continue;
    const strides =
      one.strides === undefined || all.strides === undefined ? undefined : all.strides + one.strides;
    all = { strides, updateSize: one.updateSize };
  }
  return all;
}

const NO_AVERAGING: Averaging = { strides: 0, updateSize: 1 };

function snapshotterStreams(config: ModelConfig): DerivedStream[] {
  const found: DerivedStream[] = [];
  for (const state of statesOf(config)) {
    const stateDims = state.dims.map(Number);
    const rank = stateDims.length;
    const channelCount = fixed(stateDims.at(-2));
    if (rank < 2 || channelCount === undefined) continue;
    for (const input of updateInputs(config)) {
      const dims = input.dims.map(Number);
      if (dims.length !== rank || dims.at(-2) !== channelCount || (rank > 2 && dims[0]! > 1)) continue;
      const outputs = config.output
        .filter(({ dims: d }) => d.length === rank)
        .map(({ dims: d }) => d.map(Number));
      const channels = outputs.reduce((sum, d) => sum + (d.at(-2) ?? 0), 0);
      if (channels !== channelCount) continue;
      found.push({
        input: input.name,
        channelCount,
        requestSize: fixed(dims.at(-1)),
        // With max_batch_size the dims leave the batch out, and the number of snapshots with it.
        batchSize: rank > 2 ? fixed(outputs[0]?.[0]) : undefined,
        snapshotSize: fixed(outputs[0]?.at(-1)) ?? fixed(stateDims.at(-1)),
        parameters: strainflowParameters(config),
      });
    }
  }
  return found;
}

function averagerSizes(config: ModelConfig): Averaging {
  const states = statesOf(config);
  if (states.length === 0 || snapshotterStreams(config).length > 0) return NO_AVERAGING;
  if (!averages(config)) return NO_AVERAGING;
  const parameters = strainflowParameters(config);
  const stateSize = fixed(Number(states[0]!.dims.at(-1) ?? -1n));
  const batchSize = fixed(Number(updateInputs(config)[0]?.dims[0] ?? -1n));
  const outputSize = fixed(Number(config.output[0]?.dims.at(-1) ?? -1n));
  const updateSize =
    outputSize === undefined || batchSize === undefined ? undefined : integer(outputSize / batchSize, 1);
  const numUpdates = integer(Number(parameters.get("num_updates")), 1);
  if (numUpdates !== undefined) return { strides: numUpdates - 1, updateSize };
  if (stateSize === undefined || batchSize === undefined || updateSize === undefined)
    return { strides: undefined, updateSize };
  return { strides: integer(stateSize / updateSize - batchSize, 0), updateSize };
}

/** Whether outputs can be averages of inputs: other models with a state, aframe's snapshotter say, give more than they take. */
function averages(config: ModelConfig): boolean {
  const given = config.output[0]?.dims.map(Number) ?? [];
  const taken = updateInputs(config)[0]?.dims.map(Number) ?? [];
  if (given.length > 1 && given[0]! > 1) return false;
  const largest =
    (fixed(taken[0]) ?? Number.POSITIVE_INFINITY) * (fixed(taken.at(-1)) ?? Number.POSITIVE_INFINITY);
  return (fixed(given.at(-1)) ?? 0) <= largest;
}

function integer(value: number, least: number): number | undefined {
  return Number.isInteger(value) && value >= least ? value : undefined;
}

function statesOf(config: ModelConfig): readonly ModelSequenceBatching_State[] {
  return config.schedulingChoice.case === "sequenceBatching" ? config.schedulingChoice.value.state : [];
}

function updateInputs(config: ModelConfig): ModelConfig["input"] {
  const states = new Set(statesOf(config).map((state) => state.inputName));
  return config.input.filter((input) => !states.has(input.name));
}

const PREFIX = "strainflow.";

/** The `strainflow.*` parameters of a configuration, without their prefix. */
export function strainflowParameters(config: ModelConfig): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [key, { stringValue }] of Object.entries(config.parameters))
    if (key.startsWith(PREFIX)) found.set(key.slice(PREFIX.length), stringValue);
  return found;
}

function fixed(size: number | undefined): number | undefined {
  return size === undefined || size < 1 ? undefined : size;
}
