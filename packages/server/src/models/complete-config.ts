import { clone, create } from "@bufbuild/protobuf";
import {
  type ModelConfig,
  ModelConfigSchema,
  ModelDynamicBatchingSchema,
  ModelInputSchema,
  ModelInstanceGroup_Kind,
  ModelInstanceGroupSchema,
  ModelOptimizationPolicySchema,
  ModelOutputSchema,
  ModelSequenceBatching_StrategyDirectSchema,
  ModelVersionPolicySchema,
  ModelOptimizationPolicy_PinnedMemoryBufferSchema as PinnedMemorySchema,
} from "@strainflow/proto";
import type { Graph } from "../backends/compute-thread.ts";
import type { GraphTensor, LoadSpec } from "../backends/worker-messages.ts";
import { raggedOf } from "../scheduling/ragged-options.ts";
import { iterativeOf } from "../sequences/iterative.ts";
import { configType, type ModelSpec, modelSpec, notLoadable, type Port } from "./model-spec.ts";

/**
 * A configuration with what its graph can add (inputs and outputs that it leaves out), checked against the graph.
 *
 * @throws `model-not-loadable` where the two do not fit
 */
export function completeConfig(
  given: ModelConfig,
  version: string,
  graph: Graph,
  spec: LoadSpec,
  controls: readonly string[],
): ModelSpec {
  const config = clone(ModelConfigSchema, given);
  const fail = (why: string): Error => notLoadable(config.name, why);
  if (saysNothing(config)) completeBatch(config, graph);
  const stateInputs = new Set(spec.states.map(({ input }) => input));
  const stateOutputs = new Set(spec.states.map(({ output }) => output));
  const again = iterativeOf(config)?.again;
  if (
    again !== undefined &&
    !graph.outputs.some(({ name, datatype }) => name === again && datatype === "BOOL")
  )
    throw fail(`its graph has no output '${again}' of BOOL, by which it would ask to run again`);
  const dims = (shape: readonly number[]): bigint[] =>
    (config.maxBatchSize > 0 ? shape.slice(1) : shape).map(BigInt);
  if (config.input.length === 0)
    for (const { name, datatype, shape } of graph.inputs)
      if (!stateInputs.has(name) && !controls.includes(name))
        config.input.push(
          create(ModelInputSchema, { name, dataType: configType(datatype), dims: dims(shape) }),
        );
  if (config.output.length === 0)
    for (const { name, datatype, shape } of graph.outputs)
      if (!stateOutputs.has(name) && name !== again)
        config.output.push(
          create(ModelOutputSchema, { name, dataType: configType(datatype), dims: dims(shape) }),
        );

  const model = modelSpec(config, version);
  if (spec.native !== undefined) return model;
  const has = (tensors: readonly GraphTensor[], name: string): boolean =>
    tensors.some((tensor) => tensor.name === name);
  const ragged = raggedOf(config);
  const flat = (port: Port, is: boolean | undefined): Port => (is ? { ...port, shape: [-1] } : port);
  for (const port of model.inputs.values())
    checkPort(flat(port, ragged?.ragged.has(port.name)), "input", graph.inputs, fail);
  for (const port of model.outputs.values())
    checkPort(flat(port, ragged?.scattered.has(port.name)), "output", graph.outputs, fail);
  const made = ragged?.made.flatMap(({ names }) => names) ?? [];
  for (const name of made)
    if (!has(graph.inputs, name)) throw fail(`its graph has no input '${name}' for the batch_input`);
  for (const { input, output } of spec.states) {
    if (!has(graph.inputs, input)) throw fail(`its graph has no input '${input}' for the state`);
    if (!has(graph.outputs, output)) throw fail(`its graph has no output '${output}' for the state`);
  }
  for (const name of controls)
    if (!has(graph.inputs, name)) throw fail(`its graph has no input '${name}' for the control`);
  for (const { name } of graph.inputs)
    if (!model.inputs.has(name) && !stateInputs.has(name) && ![...controls, ...made].includes(name))
      throw fail(`its graph has an input '${name}' that the configuration does not mention`);
  return model;
}

/** Neither tensors nor a batch are given. */
function saysNothing(config: ModelConfig): boolean {
  return config.input.length === 0 && config.output.length === 0 && config.maxBatchSize === 0;
}

/** As Triton's ONNX Runtime backend has it. */
const DEFAULT_MAX_BATCH_SIZE = 4;

/** A graph whose tensors all leave their first dimension open can batch. */
function completeBatch(config: ModelConfig, graph: Graph): void {
  if (config.schedulingChoice.case === "sequenceBatching") return;
  if (![...graph.inputs, ...graph.outputs].every(({ shape }) => shape[0] === -1)) return;
  config.maxBatchSize = DEFAULT_MAX_BATCH_SIZE;
  if (config.schedulingChoice.case === undefined)
    config.schedulingChoice = { case: "dynamicBatching", value: create(ModelDynamicBatchingSchema) };
}

/** A sequence's silence, in microseconds, after which its slot is free. */
const DEFAULT_IDLE_US = 1_000_000n;

/** The configuration as Triton shows it to clients: with what it takes where nothing is given. */
export function withDefaults(spec: ModelSpec): ModelSpec {
  const config = clone(ModelConfigSchema, spec.config);
  const ensemble = config.platform === "ensemble";
  if (!ensemble) {
    if (config.backend === "" || config.backend === "onnxruntime") {
      config.platform ||= "onnxruntime_onnx";
      config.backend ||= "onnxruntime";
      config.defaultModelFilename ||= "model.onnx";
    }
    if (config.instanceGroup.length === 0)
      config.instanceGroup.push(create(ModelInstanceGroupSchema, { name: config.name, count: 1 }));
    config.instanceGroup.forEach((group, at) => {
      group.name ||= `${config.name}_${at}`;
      group.count = Math.max(1, group.count);
      if (group.kind === ModelInstanceGroup_Kind.AUTO) group.kind = ModelInstanceGroup_Kind.CPU;
    });
  }
  const scheduling = config.schedulingChoice;
  if (scheduling.case === "sequenceBatching") {
    const { value } = scheduling;
    if (value.maxSequenceIdleMicroseconds === 0n) value.maxSequenceIdleMicroseconds = DEFAULT_IDLE_US;
    if (value.strategyChoice.case === undefined)
      value.strategyChoice = { case: "direct", value: create(ModelSequenceBatching_StrategyDirectSchema) };
  }
  // A queue without preferred sizes prefers the largest.
  if (scheduling.case === "dynamicBatching" && config.maxBatchSize > 0)
    if (scheduling.value.preferredBatchSize.length === 0)
      scheduling.value.preferredBatchSize.push(config.maxBatchSize);
  config.versionPolicy ??= create(ModelVersionPolicySchema, {
    policyChoice: { case: "latest", value: { numVersions: 1 } },
  });
  if (!ensemble) {
    config.optimization ??= create(ModelOptimizationPolicySchema);
    config.optimization.inputPinnedMemory ??= create(PinnedMemorySchema, { enable: true });
    config.optimization.outputPinnedMemory ??= create(PinnedMemorySchema, { enable: true });
  }
  return { ...spec, config };
}

function checkPort(
  port: Port,
  what: string,
  graph: readonly GraphTensor[],
  fail: (why: string) => Error,
): void {
  const tensor = graph.find(({ name }) => name === port.name);
  if (tensor === undefined)
    throw fail(
      `its graph has no ${what} '${port.name}', only ${graph.map(({ name }) => `'${name}'`).join(", ")}`,
    );
  if (tensor.datatype !== port.datatype)
    throw fail(
      `${what} '${port.name}' is ${port.datatype} in the configuration and ${tensor.datatype} in the graph`,
    );
  const agrees =
    tensor.shape.length === port.shape.length &&
    tensor.shape.every((size, at) => size === -1 || port.shape[at] === -1 || size === port.shape[at]);
  // A graph may leave a tensor's rank open; ONNX Runtime then says [].
  if (!agrees && tensor.shape.length > 0)
    throw fail(
      `${what} '${port.name}' is [${port.shape}]${port.shape[0] === -1 ? " (with the batch)" : ""} by the configuration and [${tensor.shape}] in the graph`,
    );
}
