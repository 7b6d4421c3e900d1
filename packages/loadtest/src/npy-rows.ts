import { readFile } from "node:fs/promises";
import { elementCount, type Tensor } from "@strainflow/series";
import { inputError, type ModelTensors, noSuchTensor, type PlainSpec } from "./model-inputs.ts";
import { type NpyArray, parseNpy } from "./npy.ts";
import type { Rows } from "./rows.ts";

/**
 * Rows from arrays: one more dimension than the tensor has, and the first one counts rows; as many, and it is one row.
 * Files of one row go with all rows of the others.
 *
 * @param inputs paths by input
 * @param expected paths by output: what answers must be
 * @throws `loadtest-input`
 */
export async function npyRows(
  modelName: string,
  tensors: ModelTensors,
  inputs: Readonly<Record<string, string>>,
  expected: Readonly<Record<string, string>>,
): Promise<Rows> {
  const given = await columns(modelName, "input", tensors.inputs, inputs);
  const wanted = await columns(modelName, "output", tensors.outputs, expected);
  const lengths = [...given, ...wanted].map(({ rows }) => rows.length);
  const count = Math.max(1, ...lengths);
  const odd = [...given, ...wanted].find(({ rows }) => rows.length !== 1 && rows.length !== count);
  if (odd !== undefined)
    throw inputError(
      `${odd.path} has ${odd.rows.length} rows, and another file has ${count}; they must agree`,
    );
  const row = (at: number, of: readonly Column[]): Record<string, Tensor> =>
    Object.fromEntries(of.map(({ name, rows }) => [name, rows[rows.length === 1 ? 0 : at]!]));
  const steps = Array.from({ length: count }, (_, i) => ({
    inputs: row(i, given),
    ...(wanted.length === 0 ? {} : { expected: row(i, wanted) }),
  }));
  return { streams: [steps], hasSequences: false };
}

interface Column {
  readonly name: string;
  readonly path: string;
  readonly rows: readonly Tensor[];
}

function columns(
  modelName: string,
  kind: "input" | "output",
  specs: readonly PlainSpec[],
  paths: Readonly<Record<string, string>>,
): Promise<Column[]> {
  return Promise.all(
    Object.entries(paths).map(async ([name, path]) => {
      const spec = specs.find((each) => each.name === name);
      if (spec === undefined) throw noSuchTensor(modelName, kind, name, specs);
      const bytes = await readFile(path).catch((cause: unknown) => {
        throw inputError(
          `${path} cannot be read (${cause instanceof Error ? cause.message : String(cause)})`,
          cause,
        );
      });
      return { name, path, rows: rowsOf(parseNpy(bytes, path), spec, path) };
    }),
  );
}

function rowsOf({ datatype, shape, data }: NpyArray, spec: PlainSpec, path: string): readonly Tensor[] {
  if (datatype !== spec.datatype)
    throw inputError(`${path} holds ${datatype}, and ${spec.name} is ${spec.datatype}`);
  const rank = spec.shape.length;
  if (shape.length === rank) return [{ datatype, shape, data }];
  if (shape.length !== rank + 1)
    throw inputError(
      `${path} is [${shape}]; ${spec.name} is [${spec.shape}], or one dimension more that counts rows`,
    );
  const [count = 0, ...own] = shape;
  if (count === 0) throw inputError(`${path} has no rows`);
  const size = elementCount(own);
  return Array.from({ length: count }, (_, i) => ({
    datatype,
    shape: own,
    data: ArrayBuffer.isView(data) ? data.subarray(i * size, (i + 1) * size) : [],
  }));
}
