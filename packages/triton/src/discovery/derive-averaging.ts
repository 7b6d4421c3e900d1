import type { ModelConfig } from "@strainflow/proto";
import { snapshotterStreams } from "./derive-streams.ts";
import {
  type Configs,
  fixed,
  statesOf,
  stepKey,
  strainflowParameters,
  updateInputs,
} from "./step-configs.ts";

/** What averaging steps add to a model. What their sizes do not tell is `undefined`. */
export interface Averaging {
  /** Whether there is any. */
  readonly isPresent: boolean;
  /** How many strides before its own one an output reaches back: N − 1, summed along the longest way through. */
  readonly strides: number | undefined;
  /** By how many strides outputs lag behind; `undefined` also where they do not all lag alike. */
  readonly lag: number | undefined;
  /** Output samples per stride: U of the last averaging step, 1 where there is none; `undefined` where outputs differ. */
  readonly updateSize: number | undefined;
  /** Strides per request, as the first averaging step takes them. */
  readonly batchSize: number | undefined;
}

/** Of one tensor on its way through an ensemble. */
interface Reach {
  readonly isAveraged: boolean;
  readonly strides: number | undefined;
  readonly updateSize: number | undefined;
  readonly batchSize: number | undefined;
}

const PLAIN: Reach = { isAveraged: false, strides: 0, updateSize: 1, batchSize: undefined };

/**
 * The averaging steps of a model or ensemble, followed from inputs to outputs: those one behind the other add up, those
 * side by side do not.
 *
 * An averager is a sequence-batched model with an input `[B, …, N·U or more]` and an output `[1, …, U·B]`. N is said by
 * its parameter `strainflow.num_updates`; hermes', which has none, keeps a state of `(N + B − 1)·U`. One of the python
 * backend, whose state nobody sees, is known by that parameter.
 */
export function deriveAveraging(config: ModelConfig, configs: Configs): Averaging {
  const reaches = [...outputReaches(config, configs, new Set()).values()];
  const first = reaches[0] ?? PLAIN;
  const alike = (of: (reach: Reach) => unknown): boolean => reaches.every((each) => of(each) === of(first));
  const strides = longest(reaches);
  return {
    isPresent: reaches.some(({ isAveraged }) => isAveraged),
    strides,
    lag: alike((reach) => reach.strides) ? first.strides : undefined,
    updateSize: alike((reach) => reach.updateSize) ? first.updateSize : undefined,
    batchSize: reaches.find(({ isAveraged }) => isAveraged)?.batchSize,
  };
}

function longest(reaches: readonly Reach[]): number | undefined {
  let most = 0;
  for (const { strides } of reaches) {
    if (strides === undefined) return undefined;
    most = Math.max(most, strides);
  }
  return most;
}

/** By output name. Several passes: steps need not stand in the order in which they run. */
function outputReaches(
  config: ModelConfig,
  configs: Configs,
  outer: ReadonlySet<string>,
): Map<string, Reach> {
  if (config.schedulingChoice.case !== "ensembleScheduling") {
    const reach = averagerReach(config);
    return new Map(config.output.map(({ name }) => [name, reach]));
  }
  const inside = new Set([...outer, config.name]);
  const { step: steps } = config.schedulingChoice.value;
  const tensors = new Map<string, Reach>(config.input.map(({ name }) => [name, PLAIN]));
  for (let pass = 0; pass < steps.length; pass++)
    for (const step of steps) {
      const taken = Object.values(step.inputMap).map((tensor) => tensors.get(tensor) ?? PLAIN);
      const before: Reach = {
        ...(taken.find(({ isAveraged }) => isAveraged) ?? PLAIN),
        strides: longest(taken),
      };
      const model = configs.get(stepKey(step));
      const own =
        model === undefined || inside.has(step.modelName)
          ? new Map<string, Reach>()
          : outputReaches(model, configs, inside);
      for (const [output, tensor] of Object.entries(step.outputMap))
        tensors.set(tensor, behind(before, own.get(output) ?? PLAIN));
    }
  return new Map(config.output.map(({ name }) => [name, tensors.get(name) ?? PLAIN]));
}

function behind(before: Reach, own: Reach): Reach {
  if (!own.isAveraged) return before;
  return {
    isAveraged: true,
    strides:
      before.strides === undefined || own.strides === undefined ? undefined : before.strides + own.strides,
    updateSize: own.updateSize,
    batchSize: before.isAveraged ? before.batchSize : own.batchSize,
  };
}

function averagerReach(config: ModelConfig): Reach {
  const states = statesOf(config);
  const numUpdates = integer(Number(strainflowParameters(config).get("num_updates")), 1);
  if (states.length === 0 && numUpdates === undefined) return PLAIN;
  if (snapshotterStreams(config).length > 0 || !averages(config)) return PLAIN;
  const stateSize = fixed(Number(states[0]?.dims.at(-1) ?? -1n));
  const batchSize = fixed(Number(updateInputs(config)[0]?.dims[0] ?? -1n));
  const outputSize = fixed(Number(config.output[0]?.dims.at(-1) ?? -1n));
  const updateSize =
    outputSize === undefined || batchSize === undefined ? undefined : integer(outputSize / batchSize, 1);
  const known = { isAveraged: true, updateSize, batchSize };
  if (numUpdates !== undefined) return { ...known, strides: numUpdates - 1 };
  if (stateSize === undefined || batchSize === undefined || updateSize === undefined)
    return { ...known, strides: undefined };
  return { ...known, strides: integer(stateSize / updateSize - batchSize, 0) };
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
