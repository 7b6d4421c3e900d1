import type { ModelConfig, ModelEnsembling_Step, ModelSequenceBatching_State } from "@strainflow/proto";

/** Configurations by {@link stepKey}: those of an ensemble's steps, also of nested ensembles. */
export type Configs = ReadonlyMap<string, ModelConfig>;

/** A step's model, and its version where the step names one: two steps may be two versions of one model. */
export function stepKey({ modelName, modelVersion }: ModelEnsembling_Step): string {
  return modelVersion > 0n ? `${modelName}/${modelVersion}` : modelName;
}

export function statesOf(config: ModelConfig): readonly ModelSequenceBatching_State[] {
  return config.schedulingChoice.case === "sequenceBatching" ? config.schedulingChoice.value.state : [];
}

/** The inputs that are no states. */
export function updateInputs(config: ModelConfig): ModelConfig["input"] {
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

/** A size that is given, not left open. */
export function fixed(size: number | undefined): number | undefined {
  return size === undefined || size < 1 ? undefined : size;
}
