import type { Model } from "../models/model.ts";
import { type ModelSpec, notLoadable } from "../models/model-spec.ts";

export interface EnsembleStep {
  readonly model: Model;
  /** Model's input name → the ensemble's tensor name. */
  readonly inputs: ReadonlyMap<string, string>;
  /** Model's output name → the ensemble's tensor name. */
  readonly outputs: ReadonlyMap<string, string>;
}

export interface EnsemblePlan {
  /** In an order in which each finds its inputs. */
  readonly steps: readonly EnsembleStep[];
  /** How often each tensor is read, by steps and as an output. */
  readonly readers: ReadonlyMap<string, number>;
}

/**
 * Checks an ensemble's steps against the models they name.
 *
 * @throws `model-not-loadable` if a tensor is missing, made twice, of the wrong type, or goes round in a circle
 */
export function planEnsemble(
  spec: ModelSpec,
  find: (name: string, version: string) => Model | undefined,
): EnsemblePlan {
  const fail = (why: string): Error => notLoadable(spec.name, why);
  const scheduling = spec.config.schedulingChoice;
  if (scheduling.case !== "ensembleScheduling" || scheduling.value.step.length === 0)
    throw fail("an ensemble needs ensemble_scheduling with steps");
  const steps = scheduling.value.step.map((step): EnsembleStep => {
    const version = step.modelVersion > 0n ? String(step.modelVersion) : "";
    const model = find(step.modelName, version);
    if (model === undefined)
      throw fail(`its step '${step.modelName}'${version && ` version ${version}`} is not in the repository`);
    const inputs = new Map(Object.entries(step.inputMap));
    const outputs = new Map(Object.entries(step.outputMap));
    for (const name of inputs.keys())
      if (!model.spec.inputs.has(name)) throw fail(`step '${step.modelName}' has no input '${name}'`);
    for (const port of model.spec.inputs.values())
      if (!port.optional && !inputs.has(port.name))
        throw fail(`input '${port.name}' of step '${step.modelName}' is not mapped`);
    for (const name of outputs.keys())
      if (!model.spec.outputs.has(name)) throw fail(`step '${step.modelName}' has no output '${name}'`);
    return { model, inputs, outputs };
  });

  const types = new Map<string, string>([...spec.inputs.values()].map((port) => [port.name, port.datatype]));
  for (const { model, outputs } of steps)
    for (const [output, tensor] of outputs) {
      if (types.has(tensor)) throw fail(`tensor '${tensor}' is made twice`);
      types.set(tensor, model.spec.outputs.get(output)?.datatype ?? "");
    }
  const readers = new Map<string, number>();
  const read = (tensor: string, datatype: string | undefined, who: string): void => {
    const type = types.get(tensor);
    if (type === undefined) throw fail(`${who} reads tensor '${tensor}', which nothing makes`);
    if (type !== datatype) throw fail(`${who} takes ${datatype}, but tensor '${tensor}' is ${type}`);
    readers.set(tensor, (readers.get(tensor) ?? 0) + 1);
  };
  for (const { model, inputs } of steps)
    for (const [input, tensor] of inputs)
      read(tensor, model.spec.inputs.get(input)?.datatype, `step '${model.spec.name}'`);
  for (const port of spec.outputs.values()) read(port.name, port.datatype, `output '${port.name}'`);
  return { steps: inOrder(steps, new Set(spec.inputs.keys()), fail), readers };
}

function inOrder(
  steps: readonly EnsembleStep[],
  there: Set<string>,
  fail: (why: string) => Error,
): readonly EnsembleStep[] {
  const ordered: EnsembleStep[] = [];
  let left = steps;
  while (left.length > 0) {
    const next = left.filter(({ inputs }) => [...inputs.values()].every((tensor) => there.has(tensor)));
    if (next.length === 0)
      throw fail(
        `its steps ${left.map(({ model }) => `'${model.spec.name}'`).join(", ")} wait for each other`,
      );
    for (const step of next) {
      ordered.push(step);
      for (const tensor of step.outputs.values()) there.add(tensor);
    }
    left = left.filter((step) => !next.includes(step));
  }
  return ordered;
}
