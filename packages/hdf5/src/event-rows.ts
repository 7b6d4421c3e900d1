import type { TensorData } from "@strainflow/series";
import { diagnose } from "./diagnostics.ts";
import { hdf5Error } from "./errors.ts";
import type { ColumnFacts } from "./event-columns.ts";
import { enter } from "./instance.ts";
import type { OpenFile } from "./open-file.ts";

/** Numbers of one column, row by row. */
export type Numbers = Exclude<TensorData, readonly Uint8Array[]>;

/** The most that is read at once, in bytes: far below the 2 GiB that the wasm memory may grow to. */
export const READ_LIMIT: number = 1 << 28;

/** Reads rows `[from, from + count)`, part by part in each row. @throws `hdf5-damaged`, `hdf5-foreign` */
export function readRows(open: OpenFile, column: ColumnFacts, from: number, count: number): Numbers {
  const { dataset, width, rank } = column;
  let reason = "gives fewer rows than it says";
  let tag: ReturnType<typeof diagnose>["tag"] = "hdf5-damaged";
  try {
    const read = enter(open.instance, (h5) => {
      const rows: [number, number] = [from, from + count];
      return new h5.Dataset(open.file.file_id, dataset).slice(rank === 1 ? [rows] : [rows, [0, width]]);
    });
    if (isNumbers(read) && read.length === count * width) return read;
  } catch (error) {
    ({ tag, reason } = diagnose(error));
  }
  throw hdf5Error(
    tag,
    `${open.path}: rows ${from.toLocaleString("en")} to ${(from + count).toLocaleString("en")} of ${dataset} cannot be read: ${reason}`,
    { path: open.path, dataset, row: from },
  );
}

function isNumbers(value: unknown): value is Numbers {
  return ArrayBuffer.isView(value) && !(value instanceof DataView) && "length" in value;
}

/** Why rows `[from, to)` of a column cannot be used, though they can be read. */
export function badRows(open: OpenFile, column: ColumnFacts, from: number, to: number): Error | undefined {
  const found = column.bad.find((stretch) => stretch.from < to && stretch.to > from);
  if (found === undefined) return undefined;
  const { path } = open;
  const { dataset } = column;
  const message = `${path}: ${dataset} is damaged: its chunk ${found.chunk} (rows ${found.from.toLocaleString("en")} to ${found.to.toLocaleString("en")}) ${found.reason}`;
  return hdf5Error("hdf5-damaged", message, { path, dataset, row: found.from });
}

/** All rows of a small column, in pieces that bound the memory on the way. @throws `hdf5-damaged` */
export function* inPieces(
  open: OpenFile,
  column: ColumnFacts,
): Generator<{ readonly from: number; readonly values: Numbers }, void, undefined> {
  const piece = 65_536;
  const bad = badRows(open, column, 0, column.rows);
  if (bad !== undefined) throw bad;
  for (let from = 0; from < column.rows; from += piece)
    yield { from, values: readRows(open, column, from, Math.min(piece, column.rows - from)) };
}
