import { clone, create } from "@bufbuild/protobuf";
import { type ModelConfig, ModelConfigSchema, ModelInputSchema, ModelOutputSchema } from "@strainflow/proto";
import type { Graph } from "./compute-thread.ts";
import { configType, type ModelSpec, modelSpec, notLoadable, type Port } from "./model-spec.ts";
import type { GraphTensor, LoadSpec } from "./worker-messages.ts";

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
  const stateInputs = new Set(spec.states.map(({ input }) => input));
  const stateOutputs = new Set(spec.states.map(({ output }) => output));
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
      if (!stateOutputs.has(name))
        config.output.push(
          create(ModelOutputSchema, { name, dataType: configType(datatype), dims: dims(shape) }),
        );

  const model = modelSpec(config, version);
  if (spec.native !== undefined) return model;
  const has = (tensors: readonly GraphTensor[], name: string): boolean =>
    tensors.some((tensor) => tensor.name === name);
  for (const port of model.inputs.values()) checkPort(port, "input", graph.inputs, fail);
  for (const port of model.outputs.values()) checkPort(port, "output", graph.outputs, fail);
  for (const { input, output } of spec.states) {
    if (!has(graph.inputs, input)) throw fail(`its graph has no input '${input}' for the state`);
    if (!has(graph.outputs, output)) throw fail(`its graph has no output '${output}' for the state`);
  }
  for (const name of controls)
    if (!has(graph.inputs, name)) throw fail(`its graph has no input '${name}' for the control`);
  for (const { name } of graph.inputs)
    if (!model.inputs.has(name) && !stateInputs.has(name) && !controls.includes(name))
      throw fail(`its graph has an input '${name}' that the configuration does not mention`);
  return model;
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
