import type { DataType, ModelConfig } from "@strainflow/proto";
import { dimsAgree, showDims, typeName } from "./tensor-words.ts";
import type { CheckedModel, Report } from "./verify.ts";
import { servedVersions } from "./verify-files.ts";

/** A tensor of an ensemble, with the batch dimension that `max_batch_size` implies. */
interface Known {
  readonly type: DataType;
  readonly dims: readonly number[];
  readonly made: string;
}

type Step = Extract<ModelConfig["schedulingChoice"], { case: "ensembleScheduling" }>["value"]["step"][number];

/** The steps of an ensemble: that they exist, that their tensors fit, that each is made once and none waits for ever. */
export function verifyEnsemble(
  { config, platform }: CheckedModel,
  find: (name: string) => CheckedModel | undefined,
  report: Report,
): void {
  const { schedulingChoice } = config;
  const isEnsemble = platform === "ensemble";
  if (schedulingChoice.case !== "ensembleScheduling") {
    if (isEnsemble) report("error", "ensemble_scheduling", "is missing", "give the ensemble its steps");
    return;
  }
  if (!isEnsemble)
    report(
      "error",
      "platform",
      "a model with ensemble_scheduling must be an ensemble",
      'set platform: "ensemble"',
    );
  if (schedulingChoice.value.step.length === 0)
    report("error", "ensemble_scheduling.step", "there is none", "give the ensemble its steps");
  for (const [field, there] of [
    ["instance_group", config.instanceGroup.length > 0],
    ["optimization", config.optimization !== undefined],
  ] as const)
    if (there) report("error", field, "an ensemble has none", "take it out; it belongs to the steps");

  const known = new Map(
    config.input.map((input) => [input.name, tensorOf(input, config, "an input of the ensemble")]),
  );
  const read = new Set<string>();
  const steps = schedulingChoice.value.step.map((step, i) => ({
    step,
    where: `step ${i} (${step.modelName})`,
  }));
  for (const { step, where } of steps) {
    const model = find(step.modelName);
    if (model === undefined)
      report("error", where, "there is no such model in this repository", "add it, or correct model_name");
    else verifyStep(where, step, model, config, known, read, report);
  }
  for (const { step, where } of steps) {
    const model = find(step.modelName);
    if (model !== undefined) verifyReads(where, step, model.config, known, report);
  }
  for (const output of config.output) {
    read.add(output.name);
    const made = known.get(output.name);
    if (made === undefined)
      report("error", `output ${output.name}`, "no step makes it", "map a step's output to it");
    else agree(`output ${output.name}`, made, tensorOf(output, config, ""), report);
  }
  for (const { name } of config.input)
    if (!read.has(name))
      report("error", `input ${name}`, "no step reads it", "map it to a step's input, or take it out");
  for (const [name, { made }] of known)
    if (!read.has(name) && !config.input.some((input) => input.name === name))
      report(
        "error",
        `tensor ${name}`,
        `nothing reads it; ${made} makes it`,
        "take it out of that output_map",
      );
  verifyOrder(config, steps, report);
}

function tensorOf(
  { dataType, dims }: { readonly dataType: DataType; readonly dims: readonly bigint[] },
  { maxBatchSize }: ModelConfig,
  made: string,
): Known {
  return { type: dataType, dims: [...(maxBatchSize > 0 ? [-1] : []), ...dims.map(Number)], made };
}

function verifyStep(
  where: string,
  step: Step,
  model: CheckedModel,
  ensemble: ModelConfig,
  known: Map<string, Known>,
  read: Set<string>,
  report: Report,
): void {
  const { config } = model;
  if (step.modelVersion > 0n && !servedVersions(config, model.files).includes(Number(step.modelVersion)))
    report("error", where, `version ${step.modelVersion} is not served`, "add it, or use −1 for the latest");
  if (config.maxBatchSize < ensemble.maxBatchSize && config.maxBatchSize > 0)
    report(
      "error",
      where,
      `takes batches of ${config.maxBatchSize} at most, the ensemble of ${ensemble.maxBatchSize}`,
      `set the ensemble's max_batch_size to ${config.maxBatchSize} or less`,
    );
  for (const tensor of Object.values(step.inputMap)) read.add(tensor);
  for (const [name, tensor] of Object.entries(step.outputMap)) {
    const output = config.output.find((one) => one.name === name);
    const before = known.get(tensor);
    if (output === undefined)
      report("error", where, `has no output ${name}`, namesOf("outputs", config.output));
    else if (before !== undefined)
      report(
        "error",
        where,
        `makes tensor ${tensor}, which ${before.made} is already`,
        "give it another name",
      );
    else known.set(tensor, tensorOf(output, config, where));
  }
}

function verifyReads(
  where: string,
  step: Step,
  config: ModelConfig,
  known: ReadonlyMap<string, Known>,
  report: Report,
): void {
  for (const [name, tensor] of Object.entries(step.inputMap)) {
    const input = config.input.find((one) => one.name === name);
    const made = known.get(tensor);
    if (input === undefined) report("error", where, `has no input ${name}`, namesOf("inputs", config.input));
    else if (made === undefined)
      report(
        "error",
        where,
        `reads tensor ${tensor}, which nothing makes`,
        "map an output or an input to it",
      );
    else agree(`${where} input ${name}`, made, tensorOf(input, config, ""), report);
  }
  for (const { name, optional } of config.input)
    if (!optional && step.inputMap[name] === undefined)
      report("error", where, `its input ${name} is not mapped`, "map a tensor to it");
}

const namesOf = (what: string, tensors: readonly { readonly name: string }[]): string =>
  `use one of its ${what}: ${tensors.map(({ name }) => name).join(", ") || "it declares none"}`;

function agree(where: string, made: Known, wanted: Known, report: Report): void {
  if (made.type !== wanted.type)
    report(
      "error",
      where,
      `takes ${typeName(wanted.type)}, and is given ${typeName(made.type)}`,
      "join tensors of one type",
    );
  if (!dimsAgree(made.dims, wanted.dims))
    report(
      "error",
      where,
      `takes ${showDims(wanted.dims)}, and is given ${showDims(made.dims)}`,
      "join tensors of one shape; with max_batch_size a leading batch dimension counts",
    );
}

/** Steps that wait for each other never run. */
function verifyOrder(
  config: ModelConfig,
  steps: readonly { readonly step: Step; readonly where: string }[],
  report: Report,
): void {
  const there = new Set(config.input.map(({ name }) => name));
  const made = new Set(steps.flatMap(({ step }) => Object.values(step.outputMap)));
  const able = ({ step }: { readonly step: Step }): boolean =>
    Object.values(step.inputMap).every((tensor) => there.has(tensor) || !made.has(tensor));
  let left = steps;
  for (let ready = left.filter(able); ready.length > 0; ready = left.filter(able)) {
    left = left.filter((one) => !ready.includes(one));
    for (const { step } of ready) for (const tensor of Object.values(step.outputMap)) there.add(tensor);
  }
  if (left.length > 0)
    report(
      "error",
      "ensemble_scheduling",
      `${left.map(({ where }) => where).join(" and ")} wait for each other`,
      "let one of them read an input of the ensemble",
    );
}
