import { readFile } from "node:fs/promises";
import { elementCount, type Tensor } from "@strainflow/series";
import { tensorElements } from "./json-elements.ts";
import { inputError, type ModelTensors, noSuchTensor, type PlainSpec } from "./model-inputs.ts";
import type { Row, Rows } from "./rows.ts";

/**
 * Rows from a file in perf_analyzer's format: `data`, a list of steps or of lists of steps (each a sequence), where a
 * step has for each input its elements, or `{ content, shape }`, or `{ b64 }`; and beside it `validation_data`, in the
 * same form, with the outputs that are expected.
 *
 * @throws `loadtest-input`
 */
export async function readJsonRows(modelName: string, tensors: ModelTensors, path: string): Promise<Rows> {
  let file: unknown;
  try {
    file = JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw inputError(
      `${path} cannot be read (${cause instanceof Error ? cause.message : String(cause)})`,
      cause,
    );
  }
  if (!isObject(file) || !Array.isArray(file["data"]) || file["data"].length === 0)
    throw inputError(`${path} has no "data", a list of steps with the inputs of each`);
  const data: readonly unknown[] = file["data"];
  const hasSequences = Array.isArray(data[0]);
  const streams = streamsOf(data, hasSequences, `${path}: data`);
  const wanted = file["validation_data"];
  if (wanted !== undefined && !Array.isArray(wanted)) throw inputError(`${path}: validation_data is no list`);
  const expected = wanted === undefined ? [] : streamsOf(wanted, hasSequences, `${path}: validation_data`);
  const sizes = (of: readonly (readonly unknown[])[]): string => of.map((steps) => steps.length).join();
  if (wanted !== undefined && sizes(streams) !== sizes(expected))
    throw inputError(`${path}: validation_data does not have as many steps as data`);
  return {
    hasSequences,
    streams: streams.map((steps, s) =>
      steps.map((step, i): Row => {
        const where = `${path}: data${hasSequences ? `[${s}]` : ""}[${i}]`;
        const inputs = rowOf(modelName, "input", tensors.inputs, step, where);
        const outputs = expected[s]?.[i];
        if (outputs === undefined) return { inputs };
        const place = where.replace(": data", ": validation_data");
        return { inputs, expected: rowOf(modelName, "output", tensors.outputs, outputs, place) };
      }),
    ),
  };
}

function streamsOf(
  data: readonly unknown[],
  hasSequences: boolean,
  where: string,
): readonly (readonly unknown[])[] {
  if (!hasSequences) return [data];
  return data.map((steps, s) => {
    if (!Array.isArray(steps) || steps.length === 0)
      throw inputError(`${where}[${s}] is no list of steps, as the others are`);
    return steps;
  });
}

function rowOf(
  modelName: string,
  kind: "input" | "output",
  specs: readonly PlainSpec[],
  step: unknown,
  where: string,
): Record<string, Tensor> {
  if (!isObject(step)) throw inputError(`${where} is no object with the ${kind}s`);
  return Object.fromEntries(
    Object.entries(step).map(([name, value]) => {
      const spec = specs.find((each) => each.name === name);
      if (spec === undefined) throw noSuchTensor(modelName, kind, name, specs);
      return [name, tensorOf(spec, value, `${where}.${name}`)];
    }),
  );
}

function tensorOf(spec: PlainSpec, value: unknown, where: string): Tensor {
  const told = isObject(value) ? value : { content: value };
  const content = told["content"];
  const data = tensorElements(spec.datatype, told["b64"] ?? content, told["b64"] !== undefined, where);
  const shape = shapeOf(spec, told["shape"], data.length, where);
  return { datatype: spec.datatype, shape, data };
}

function shapeOf(spec: PlainSpec, told: unknown, count: number, where: string): readonly number[] {
  const open = spec.shape.filter((size) => size < 0).length;
  const rest = elementCount(spec.shape.filter((size) => size >= 0));
  const shape = Array.isArray(told)
    ? told.map(Number)
    : open === 1
      ? spec.shape.map((size) => (size < 0 ? count / rest : size))
      : spec.shape;
  if (shape.some((size) => !Number.isSafeInteger(size) || size < 0))
    throw inputError(
      `${where} needs a "shape": ${spec.name} is [${spec.shape}], and it has ${count} elements`,
    );
  if (elementCount(shape) !== count)
    throw inputError(`${where} has ${count} elements; its shape, [${shape}], has ${elementCount(shape)}`);
  return shape;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
