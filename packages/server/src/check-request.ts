import { ELEMENT_SIZE, elementCountOf } from "./datatypes.ts";
import type { ModelSpec, Port } from "./model-spec.ts";
import type { RawTensors } from "./raw-tensor.ts";
import { invalid } from "./refusal.ts";

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
  const { name, maxBatchSize } = spec;
  for (const input of inputs.keys())
    if (!spec.inputs.has(input)) throw invalid(`unexpected inference input '${input}' for model '${name}'`);
  const missing = [...spec.inputs.values()].filter((port) => !port.optional && !inputs.has(port.name));
  if (missing.length > 0) {
    const quote = (names: readonly string[]): string => names.map((text) => `'${text}'`).join(",");
    throw invalid(
      `${requestLabel(id)}expected ${spec.inputs.size} inputs but got ${inputs.size} inputs for model '${name}'. ` +
        `Got input(s) [${quote([...inputs.keys()])}], but missing required input(s) ` +
        `[${quote(missing.map((port) => port.name))}]. Please provide all required input(s).`,
    );
  }
  let batch: number | undefined;
  for (const [input, { datatype, shape, data }] of inputs) {
    const port = spec.inputs.get(input);
    if (port === undefined) continue;
    if (datatype !== port.datatype)
      throw invalid(
        `${requestLabel(id)}inference input '${input}' data-type is '${datatype}', but model '${name}' expects '${port.datatype}'`,
      );
    const elements = elementCountOf(shape);
    if (elements === undefined || !fits(port, shape))
      throw invalid(
        `${requestLabel(id)}unexpected shape for input '${input}' for model '${name}'. ` +
          `Expected [${port.shape}], got [${shape}]. ${maxBatchSize > 0 ? BATCH_NOTE : ""}`,
      );
    if (maxBatchSize > 0) {
      batch ??= shape[0] ?? 0;
      if (shape[0] !== batch)
        throw invalid(
          `${requestLabel(id)}input '${input}' batch size does not match other inputs for '${name}'`,
        );
    }
    const size = elements * ELEMENT_SIZE[datatype];
    if (data.byteLength !== size)
      throw invalid(
        `${requestLabel(id)}input byte size mismatch for input '${input}' for model '${name}'. Expected ${size}, got ${data.byteLength}`,
      );
  }
  if (batch !== undefined && (batch > maxBatchSize || batch < 1))
    throw invalid(
      batch < 1
        ? `${requestLabel(id)}inference request batch-size must be >= 1 for '${name}'`
        : `${requestLabel(id)}inference request batch-size must be <= ${maxBatchSize} for '${name}'`,
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
