import { DataType } from "@strainflow/proto";
import { configType, type ModelSpec, type Port } from "../models/model-spec.ts";

/** A model of an ensemble, and how its tensors are called there. */
export interface MappedStep {
  readonly spec: ModelSpec;
  /** Model's name → the ensemble's. */
  readonly inputs: ReadonlyMap<string, string>;
  readonly outputs: ReadonlyMap<string, string>;
}

/** A tensor as the first that names it has it. */
interface Known {
  readonly by: string;
  readonly port: Port;
  readonly dims: readonly number[];
}

type Fail = (why: string) => Error;

/**
 * Checks an ensemble's tensors against those of its models: names, types, sizes and batch sizes, in Triton's order and
 * words. Where one of two sizes is any, the runs will tell.
 *
 * @throws what `fail` makes of the reason
 */
export function checkTensors(ensemble: ModelSpec, steps: readonly MappedStep[], fail: Fail): void {
  const known = new Map<string, Known>();
  for (const port of [...ensemble.inputs.values(), ...ensemble.outputs.values()])
    known.set(port.name, knownOf(ensemble, port));
  const agree = (tensor: string, spec: ModelSpec, port: Port): void => {
    const one = known.get(tensor);
    const other = knownOf(spec, port);
    if (one === undefined) known.set(tensor, other);
    else checkSame(`in ensemble ${ensemble.name}, ensemble tensor ${tensor}: `, one, other, fail);
  };
  for (const { spec, inputs, outputs } of steps) {
    const { name, maxBatchSize } = spec;
    if (maxBatchSize !== 0 && maxBatchSize < ensemble.maxBatchSize)
      throw fail(
        `ensemble ${ensemble.name} allows maximum batch size ${ensemble.maxBatchSize}, but it contains model ${name} which only allows maximum batch size to be ${maxBatchSize}`,
      );
    for (const [input, tensor] of inputs)
      if (!spec.inputs.has(input))
        throw fail(
          `in ensemble ${ensemble.name}, ensemble tensor ${tensor} is mapping to non-existing input ${input} in model ${name}`,
        );
    for (const port of spec.inputs.values()) {
      const tensor = inputs.get(port.name);
      if (tensor !== undefined) agree(tensor, spec, port);
      else if (!port.optional)
        throw fail(
          `in ensemble ${ensemble.name}, input ${port.name} in model ${name} is not mapped to any ensemble tensors`,
        );
    }
    for (const [output, tensor] of outputs)
      if (!spec.outputs.has(output))
        throw fail(
          `in ensemble ${ensemble.name}, ensemble tensor ${tensor} is mapped from non-existing output ${output} in model ${name}`,
        );
    for (const [output, tensor] of outputs) {
      const port = spec.outputs.get(output);
      if (port !== undefined) agree(tensor, spec, port);
    }
  }
}

function knownOf(spec: ModelSpec, port: Port): Known {
  return { by: spec.name, port, dims: spec.maxBatchSize > 0 ? port.shape.slice(1) : port.shape };
}

function checkSame(where: string, one: Known, other: Known, fail: Fail): void {
  const differ = (what: string, of: (known: Known) => string): Error =>
    fail(
      `${where}inconsistent ${what}: ${of(one)} is inferred from model ${one.by} while ${of(other)} is inferred from model ${other.by}`,
    );
  if (one.port.datatype !== other.port.datatype)
    throw differ("data type", ({ port }) => `TYPE_${nameOf(port)}`);
  // A batch of one model may be the whole of another's tensor.
  if (!fit(one.dims, other.dims) && !fit(one.port.shape, other.port.shape))
    throw differ("shape", ({ port }) => `[${port.shape}]`);
}

function nameOf({ datatype }: Port): string {
  return DataType[configType(datatype)].replace(/^TYPE_/, "");
}

function fit(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, at) => size === -1 || b[at] === -1 || size === b[at]);
}
