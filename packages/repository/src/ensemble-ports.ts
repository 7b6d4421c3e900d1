import type { DataType, ModelConfig } from "@strainflow/proto";
import { repositoryError } from "./errors.ts";
import { dimsAgree, showDims, typeName } from "./tensor-words.ts";

/** A step of an ensemble: one use of a model. */
export interface EnsembleStep {
  readonly model: string;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** @throws `bad-ensemble` for a name that there is not */
  input(name: string): Port;
  /** @throws `bad-ensemble` for a name that there is not */
  output(name: string): Port;
}

/** An input or output of a step. */
export interface Port {
  readonly step: EnsembleStep;
  readonly direction: "input" | "output";
  readonly name: string;
  readonly dataType: DataType;
  /** Whole shape, with the batch dimension that `max_batch_size` implies; −1: any size. */
  readonly shape: readonly number[];
  /** An input that may stay unconnected. */
  readonly optional: boolean;
}

/** What a model offers to an ensemble. */
export function stepOf(ensemble: string, config: ModelConfig): EnsembleStep {
  const shape = (dims: readonly bigint[]): number[] => [
    ...(config.maxBatchSize > 0 ? [-1] : []),
    ...dims.map(Number),
  ];
  const find = (what: string, ports: readonly Port[], name: string): Port => {
    const found = ports.find((port) => port.name === name);
    if (found !== undefined) return found;
    const all = ports.map((port) => port.name).join(", ") || "none";
    throw repositoryError(
      "bad-ensemble",
      `${ensemble}: model ${config.name} has no ${what} ${JSON.stringify(name)}; it has ${all}`,
      { modelName: config.name, [what]: name },
    );
  };
  const inputs: Port[] = [];
  const outputs: Port[] = [];
  const step: EnsembleStep = {
    model: config.name,
    inputs,
    outputs,
    input: (name) => find("input", inputs, name),
    output: (name) => find("output", outputs, name),
  };
  for (const { name, dataType, dims, optional } of config.input)
    inputs.push({ step, direction: "input", name, dataType, shape: shape(dims), optional });
  for (const { name, dataType, dims } of config.output)
    outputs.push({ step, direction: "output", name, dataType, shape: shape(dims), optional: false });
  return step;
}

/** Where a port stands, for messages: `net.x [8, 2, 512]`. */
export function showPort({ step, name, shape }: Port): string {
  return `${step.model}.${name} ${showDims(shape)}`;
}

/** @throws `bad-ensemble` where what one gives is not what the other takes */
export function checkFit(ensemble: string, from: Port, into: Port): void {
  const wrong = (why: string): Error =>
    repositoryError("bad-ensemble", `${ensemble}: ${showPort(from)} cannot feed ${showPort(into)}: ${why}`, {
      from: `${from.step.model}.${from.name}`,
      into: `${into.step.model}.${into.name}`,
    });
  if (from.direction !== "output" || into.direction !== "input")
    throw wrong("pipe goes from an output to an input");
  if (from.dataType !== into.dataType)
    throw wrong(
      `one is ${typeName(from.dataType)}, the other ${typeName(into.dataType)}; put a step that casts between them`,
    );
  if (!dimsAgree(from.shape, into.shape))
    throw wrong("their shapes differ (−1 stands for any size, a leading one for max_batch_size)");
}
