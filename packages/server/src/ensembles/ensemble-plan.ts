import type { Model } from "../models/model.ts";
import { type ModelSpec, notLoadable, type Port } from "../models/model-spec.ts";
import { checkGraph } from "./check-graph.ts";
import { checkTensors } from "./check-tensors.ts";

/** What belongs to the request itself, and to none of a decoupled step's responses. */
export const THE_REQUEST = 0;

export interface EnsembleStep {
  readonly model: Model;
  /** Model's input name → the ensemble's tensor name. */
  readonly inputs: ReadonlyMap<string, string>;
  /** Model's output name → the ensemble's tensor name. */
  readonly outputs: ReadonlyMap<string, string>;
  /** What its inputs belong to: `THE_REQUEST`, or the number of the decoupled step whose responses they come of. */
  readonly of: number;
  /** What its outputs belong to: a decoupled step's are responses of its own. */
  readonly gives: number;
}

export interface EnsemblePlan {
  /** In an order in which each finds its inputs. */
  readonly steps: readonly EnsembleStep[];
  /** How often each tensor is read, by steps and as an output. */
  readonly readers: ReadonlyMap<string, number>;
  /** One of its steps is decoupled, and so is it. */
  readonly decoupled: boolean;
  /** What its outputs belong to. */
  readonly answers: number;
  readonly outputs: ReadonlyMap<string, Port>;
  /** Inputs that a request may leave out. */
  readonly optional: readonly string[];
}

type Wiring = Omit<EnsembleStep, "of" | "gives">;

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
  if (scheduling.case !== "ensembleScheduling")
    throw fail("an ensemble needs ensemble_scheduling with steps");
  checkGraph(spec.config, fail);
  const steps = scheduling.value.step.map((step): Wiring => {
    const version = step.modelVersion > 0n ? String(step.modelVersion) : "";
    const model = find(step.modelName, version);
    if (model === undefined)
      throw fail(`its step '${step.modelName}'${version && ` version ${version}`} is not in the repository`);
    const inputs = new Map(Object.entries(step.inputMap));
    const outputs = new Map(Object.entries(step.outputMap));
    return { model, inputs, outputs };
  });
  checkTensors(
    spec,
    steps.map(({ model, inputs, outputs }) => ({ spec: model.spec, inputs, outputs })),
    fail,
  );

  for (const { outputs } of steps)
    for (const tensor of outputs.values())
      if (spec.inputs.has(tensor)) throw fail(`tensor '${tensor}' is made twice`);
  const readers = new Map<string, number>();
  const read = (tensor: string): void => void readers.set(tensor, (readers.get(tensor) ?? 0) + 1);
  for (const { inputs } of steps) for (const tensor of inputs.values()) read(tensor);
  for (const tensor of spec.outputs.keys()) read(tensor);
  const ordered = inOrder(steps, new Set(spec.inputs.keys()), fail);
  const { outputs } = spec;
  const optional = [...spec.inputs.values()].filter((port) => port.optional).map(({ name }) => name);
  return { ...withOrigins(spec, ordered, fail), readers, outputs, optional };
}

/** Says which responses tensors come of, and sees to it that only those of one response come together. */
function withOrigins(
  spec: ModelSpec,
  wirings: readonly Wiring[],
  fail: (why: string) => Error,
): Pick<EnsemblePlan, "steps" | "decoupled" | "answers"> {
  const origins = new Map([...spec.inputs.keys()].map((name) => [name, THE_REQUEST]));
  let last = THE_REQUEST;
  const common = (tensors: Iterable<string>, model: string): number => {
    const found = new Set([...tensors].map((tensor) => origins.get(tensor) ?? THE_REQUEST));
    if (found.size > 1)
      throw fail(
        `in ensemble ${spec.name}, step of model '${model}' receives inputs originated from different decoupled models`,
      );
    return [...found][0] ?? THE_REQUEST;
  };
  const steps = wirings.map((wiring): EnsembleStep => {
    const { model, inputs, outputs } = wiring;
    // A tensor that is the ensemble's own is said to be of the ensemble, as in Triton.
    const own = [...outputs.values()].some((tensor) => spec.outputs.has(tensor));
    const of = common(inputs.values(), own ? spec.name : model.spec.name);
    const gives = model.spec.config.modelTransactionPolicy?.decoupled === true ? ++last : of;
    for (const tensor of outputs.values()) origins.set(tensor, gives);
    return { ...wiring, of, gives };
  });
  return { steps, decoupled: last !== THE_REQUEST, answers: common(spec.outputs.keys(), spec.name) };
}

function inOrder(
  steps: readonly Wiring[],
  there: Set<string>,
  fail: (why: string) => Error,
): readonly Wiring[] {
  const ordered: Wiring[] = [];
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
