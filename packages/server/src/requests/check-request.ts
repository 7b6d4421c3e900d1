import { ELEMENT_SIZES } from "@strainflow/series";
import type { ModelSpec, Port } from "../models/model-spec.ts";
import { invalid, type Refusal } from "../refusal.ts";
import { elementCountOf } from "../tensors/datatypes.ts";
import type { RawTensor, RawTensors } from "../tensors/raw-tensor.ts";
import { checkTexts } from "../tensors/text-tensors.ts";

const BATCH_NOTE =
  "NOTE: Setting a non-zero max_batch_size in the model config requires a batch dimension to be prepended to each " +
  "input shape. If you want to specify the full shape including the batch dim in your input dims config, try setting " +
  "max_batch_size to zero. See the model configuration docs for more info on max_batch_size.";

/** How a refusal names the request it is about. */
export function requestLabel(id: string): string {
  return `[request id: ${id === "" ? "<id_unknown>" : id}] `;
}

/**
 * Checks a request's tensors against a model, in Triton's order and words.
 *
 * @throws Refusal (INVALID_ARGUMENT)
 */
export function checkInputs(spec: ModelSpec, inputs: RawTensors, id: string): void {
  checkNames(spec, inputs, id);
  if (spec.maxBatchSize > 0) checkBatch(spec, inputs, id);
  for (const [input, tensor] of inputs) {
    const port = spec.inputs.get(input);
    if (port !== undefined) checkTensor(spec, port, tensor, id);
  }
}

function checkNames(spec: ModelSpec, inputs: RawTensors, id: string): void {
  const { name } = spec;
  let missing = 0;
  for (const port of spec.inputs.values()) if (!port.optional && !inputs.has(port.name)) missing += 1;
  // Triton counts before it looks at names: it says what is missing where there are too few.
  if (missing > 0 && inputs.size !== spec.inputs.size) throw incomplete(spec, inputs, id);
  for (const input of inputs.keys())
    if (!spec.inputs.has(input)) throw invalid(`unexpected inference input '${input}' for model '${name}'`);
  if (missing > 0) throw incomplete(spec, inputs, id);
}

function incomplete(spec: ModelSpec, inputs: RawTensors, id: string): Refusal {
  const missing = [...spec.inputs.values()].filter((port) => !port.optional && !inputs.has(port.name));
  const quote = (names: readonly string[]): string => names.map((text) => `'${text}'`).join(",");
  return invalid(
    `${requestLabel(id)}expected ${spec.inputs.size} inputs but got ${inputs.size} inputs for model '${spec.name}'. ` +
      `Got input(s) [${quote([...inputs.keys()])}], but missing required input(s) ` +
      `[${quote(missing.map((port) => port.name))}]. Please provide all required input(s).`,
  );
}

function checkBatch({ name, maxBatchSize }: ModelSpec, inputs: RawTensors, id: string): void {
  let batch: number | undefined;
  for (const [input, { shape }] of inputs) {
    const [size] = shape;
    if (size === undefined)
      throw invalid(
        `${requestLabel(id)}input '${input}' has no shape but model requires batch dimension for '${name}'`,
      );
    batch ??= size;
    if (size !== batch) {
      // Of two that differ, Triton names the one that its table happens to hold last; ours the first.
      const [first] = inputs.keys();
      throw invalid(
        `${requestLabel(id)}input '${first}' batch size does not match other inputs for '${name}'`,
      );
    }
  }
  if (batch !== undefined && batch > maxBatchSize)
    throw invalid(`${requestLabel(id)}inference request batch-size must be <= ${maxBatchSize} for '${name}'`);
  if (batch !== undefined && batch < 1)
    throw invalid(`${requestLabel(id)}inference request batch-size must be >= 1 for '${name}'`);
}

function checkTensor(spec: ModelSpec, port: Port, { datatype, shape, data }: RawTensor, id: string): void {
  const { name, maxBatchSize } = spec;
  if (datatype !== port.datatype) throw wrongType(spec, port, datatype, id);
  if (!fits(port, shape))
    throw invalid(
      `${requestLabel(id)}unexpected shape for input '${port.name}' for model '${name}'. ` +
        `Expected [${port.shape}], got [${shape}]. ${maxBatchSize > 0 ? BATCH_NOTE : ""}`,
    );
  if (shape.some((size) => size < 0))
    throw invalid(
      `${requestLabel(id)}All input dimensions should be specified for input '${port.name}' for model '${name}', got [${shape}]`,
    );
  const elements = elementCountOf(shape);
  if (elements === undefined)
    throw invalid(
      `${requestLabel(id)}input '${port.name}' for model '${name}' is [${shape}], more elements than can be counted`,
    );
  if (datatype === "BYTES") {
    checkTexts({ input: port.name, model: name, label: requestLabel(id) }, data, elements);
    return;
  }
  const size = elements * ELEMENT_SIZES[datatype];
  if (data.byteLength !== size)
    throw invalid(
      `${requestLabel(id)}input byte size mismatch for input '${port.name}' for model '${name}'. Expected ${size}, got ${data.byteLength}`,
    );
}

/** An input of another type, or of one that is none. */
export function wrongType({ name }: ModelSpec, port: Port, given: string, id: string): Refusal {
  return invalid(
    `${requestLabel(id)}inference input '${port.name}' data-type is '${given}', but model '${name}' expects '${port.datatype}'`,
  );
}

/** The outputs to compute: those asked for, each once, or all. @throws Refusal (INVALID_ARGUMENT) */
export function wantedOutputs(spec: ModelSpec, asked: readonly string[] | undefined): readonly string[] {
  if (asked === undefined || asked.length === 0) return [...spec.outputs.keys()];
  for (const output of asked)
    if (!spec.outputs.has(output))
      throw invalid(`unexpected inference output '${output}' for model '${spec.name}'`);
  return [...new Set(asked)];
}

function fits(port: Port, shape: readonly number[]): boolean {
  return (
    shape.length === port.shape.length && port.shape.every((size, at) => size === -1 || size === shape[at])
  );
}
