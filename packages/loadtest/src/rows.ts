import type { Tensor } from "@strainflow/series";
import { elementCount, zeroElements } from "@strainflow/series";
import type { Tensors } from "./compare-tensors.ts";
import { batchRows, inputError, type ModelTensors, noSuchTensor, settledShape } from "./model-inputs.ts";
import { createRandom } from "./random.ts";
import { randomElements } from "./random-elements.ts";
import type { RequestData, RequestStep } from "./request-data.ts";

/** One row: tensors without a batch. */
export interface Row {
  readonly inputs: Tensors;
  readonly expected?: Tensors;
}

/** Rows as a file gives them. */
export interface Rows {
  readonly streams: readonly (readonly Row[])[];
  readonly hasSequences: boolean;
}

/** One row, the same one for every request. */
export function generatedRows(tensors: ModelTensors, kind: "random" | "zero", seed: number): Rows {
  const random = createRandom(seed);
  const inputs: Record<string, Tensor> = {};
  for (const input of tensors.inputs) {
    if (input.optional) continue;
    const shape = settledShape(input);
    const count = elementCount(shape);
    const { datatype } = input;
    const data = kind === "zero" ? zeroElements(datatype, count) : randomElements(datatype, count, random);
    inputs[input.name] = { datatype, shape, data };
  }
  return { streams: [[{ inputs }]], hasSequences: false };
}

/**
 * Requests from rows: each of `batchSize` rows one after the other, and from the beginning again until every row was
 * first in none or all; in a sequence, the same row `batchSize` times.
 *
 * @throws `loadtest-input` for rows that do not fit the model or each other
 */
export function requestData(
  modelName: string,
  tensors: ModelTensors,
  rows: Rows,
  batchSize: number,
  sequenced: boolean,
): RequestData {
  if (batchSize > 1 && !tensors.batched)
    throw inputError(
      `model "${modelName}" takes no batches (its max_batch_size is 0); a batch of ${batchSize} cannot be sent`,
    );
  const { streams, hasSequences } = rows;
  for (const row of streams.flat()) checkRow(modelName, tensors, row);
  const inOrder = sequenced || hasSequences;
  if (inOrder)
    return {
      hasSequences,
      streams: streams.map((steps) =>
        steps.map((row) =>
          step(
            Array.from({ length: batchSize }, () => row),
            tensors.batched,
          ),
        ),
      ),
    };
  const all = streams.flat();
  const count = all.length / greatestDivisor(all.length, batchSize);
  const steps = Array.from({ length: count }, (_, r) =>
    step(
      Array.from({ length: batchSize }, (_, i) => all[(r * batchSize + i) % all.length]!),
      tensors.batched,
    ),
  );
  return { hasSequences: false, streams: [steps] };
}

function step(rows: readonly Row[], batched: boolean): RequestStep {
  const together = (pick: (row: Row) => Tensors): Tensors =>
    Object.fromEntries(
      Object.keys(pick(rows[0]!)).map((name) => [
        name,
        batchRows(
          rows.map((row) => pick(row)[name]).filter((tensor) => tensor !== undefined),
          batched,
        ),
      ]),
    );
  const inputs = together((row) => row.inputs);
  const expected = rows.every((row) => row.expected !== undefined)
    ? { expected: together((row) => row.expected ?? {}) }
    : {};
  return { inputs, ...expected };
}

function checkRow(modelName: string, { inputs, outputs }: ModelTensors, row: Row): void {
  const missing = inputs.find(({ name, optional }) => !optional && row.inputs[name] === undefined);
  if (missing !== undefined)
    throw inputError(`the data have nothing for input ${missing.name} of model "${modelName}"`);
  const check = (kind: "input" | "output", given: Tensors): void => {
    const specs = kind === "input" ? inputs : outputs;
    for (const [name, tensor] of Object.entries(given)) {
      const spec = specs.find((each) => each.name === name);
      if (spec === undefined) throw noSuchTensor(modelName, kind, name, specs);
      const { datatype, shape } = spec;
      if (tensor.datatype !== datatype)
        throw inputError(
          `${kind} ${name} of model "${modelName}" is ${datatype}, and the data have ${tensor.datatype}`,
        );
      const fits =
        shape.length === tensor.shape.length &&
        shape.every((size, d) => size < 0 || size === tensor.shape[d]);
      if (kind === "input" && !fits)
        throw inputError(
          `${kind} ${name} of model "${modelName}" is [${shape}], and the data have [${tensor.shape}]`,
        );
    }
  };
  check("input", row.inputs);
  check("output", row.expected ?? {});
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}
