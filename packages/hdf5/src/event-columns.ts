import type { Datatype } from "@strainflow/series";
import type { Metadata } from "h5wasm/node";
import { hdf5Error } from "./errors.ts";
import type { BadStretch } from "./facts.ts";
import { attempt, datasetAt, memberKind, namesIn, type OpenFile } from "./open-file.ts";
import { chunkIndexOf } from "./storage.ts";

/** What an input may be: as in the file, or converted, exactly or not at all. */
export type EventDatatype = Extract<Datatype, "INT32" | "INT64" | "FP32" | "FP64">;

/** A column of a table, and what becomes of it. */
export interface EventColumn {
  /** Name of the dataset in its group. */
  readonly column: string;
  /**
   * Names for the columns of a two-dimensional dataset, each of which is an input of its own: `["u", "v", "y"]` makes
   * `spacepoint_table_hit_id_u` and so on. Default: `0`, `1`, …
   */
  readonly parts?: readonly string[];
  /** Name of the input, before `_` and the part. Default: `<table>_<column>`. */
  readonly input?: string;
  /** Element type of the input. Default: that of the file. A value that it cannot hold makes the event unreadable. */
  readonly datatype?: EventDatatype;
}

/** What is wanted of a file of events. */
export interface EventQuery {
  readonly path: string;
  /** Default: every group but the events' own, every numeric dataset in it but the ids. */
  readonly tables?: Readonly<Record<string, readonly (string | EventColumn)[]>>;
  readonly eventTable: string;
  readonly idColumn: string;
}

/** A dataset that is read, `rows × width`. */
export interface ColumnFacts {
  readonly dataset: string;
  readonly rows: number;
  readonly width: number;
  /** Dimensions of the dataset: 1, or 2. */
  readonly rank: number;
  readonly datatype: Datatype;
  readonly elementSize: number;
  /** Rows whose chunks are not in the file, or not sound. */
  readonly bad: readonly BadStretch[];
}

/** A column and the inputs that are made of it, one per part. */
export interface InputColumn extends ColumnFacts {
  readonly inputs: readonly string[];
  readonly target: Datatype;
}

/** Deflate's own limit is 1032 : 1. https://zlib.net/zlib_tech.html */
const MOST_COMPRESSED = 1100;

const INTEGER = 0;
const FLOAT = 1;

/** Facts of a numeric dataset of one or two dimensions. @throws `hdf5-missing-dataset`, `hdf5-foreign`, `hdf5-damaged` */
export function columnFacts(open: OpenFile, dataset: string): ColumnFacts {
  const { dataset: found, metadata } = datasetAt(open, dataset);
  const datatype = datatypeOf(metadata);
  const shape = metadata.shape ?? [];
  const [rows = 0, width = 1] = shape;
  if (
    datatype === undefined ||
    shape.length < 1 ||
    shape.length > 2 ||
    !Number.isSafeInteger(rows) ||
    width < 1 ||
    metadata.virtual_sources !== undefined
  )
    throw hdf5Error(
      "hdf5-foreign",
      `${open.path}: ${dataset} is not a column: it must be rows, or rows × parts, of numbers, little-endian`,
      { path: open.path, dataset },
    );
  // Stored in one piece, the rows must lie inside the file; deflate makes them a thousand times shorter at most.
  const most = open.superblock.byteSize * (metadata.chunks === null ? 1 : MOST_COMPRESSED);
  if (rows * width * metadata.size > most)
    throw hdf5Error(
      "hdf5-damaged",
      `${open.path}: ${dataset} is damaged: it says that it has ${rows} rows, more than fit into the file; download it again`,
      { path: open.path, dataset },
    );
  const filtered = attempt(open, dataset, () => found.filters.length > 0);
  const bad = rows === 0 ? [] : (chunkIndexOf(open, dataset, metadata, filtered)?.bad ?? []);
  return { dataset, rows, width, rank: shape.length, datatype, elementSize: metadata.size, bad };
}

function datatypeOf({ type, size, signed, littleEndian }: Metadata): Datatype | undefined {
  if (!littleEndian && size > 1) return undefined;
  if (type === FLOAT) return size === 4 ? "FP32" : size === 8 ? "FP64" : undefined;
  if (type !== INTEGER) return undefined;
  const bits = ([1, 2, 4, 8] as const).find((bytes) => bytes === size);
  if (bits === undefined) return undefined;
  const name = `${signed ? "INT" : "UINT"}${(bits * 8) as 8 | 16 | 32 | 64}` as const;
  return name;
}

/** The tables that are wanted, and the columns in each. @throws also `hdf5-mismatch` where columns differ in length */
export function wantedColumns(
  open: OpenFile,
  query: EventQuery,
): { readonly table: string; readonly columns: readonly InputColumn[] }[] {
  const tables = query.tables ?? allColumns(open, query);
  return Object.entries(tables).map(([table, choices]) => {
    const columns = choices.map((choice) =>
      inputColumn(open, table, typeof choice === "string" ? { column: choice } : choice),
    );
    const [first] = columns;
    const other = columns.find(({ rows }) => rows !== first?.rows);
    if (first !== undefined && other !== undefined)
      throw hdf5Error(
        "hdf5-mismatch",
        `${open.path}: ${first.dataset} has ${first.rows} rows and ${other.dataset} has ${other.rows}; they are of one table`,
        { path: open.path, dataset: other.dataset },
      );
    return { table, columns };
  });
}

function allColumns(open: OpenFile, { eventTable, idColumn }: EventQuery): Record<string, string[]> {
  const tables: Record<string, string[]> = {};
  for (const table of namesIn(open, "/")) {
    if (table === eventTable || memberKind(open, table) !== "group") continue;
    const columns = namesIn(open, table).filter(
      (name) =>
        name !== idColumn &&
        !name.startsWith(`${idColumn}.`) &&
        memberKind(open, `${table}/${name}`) === "dataset" &&
        datatypeOf(datasetAt(open, `${table}/${name}`).metadata) !== undefined,
    );
    if (columns.length > 0) tables[table] = columns;
  }
  return tables;
}

function inputColumn(open: OpenFile, table: string, choice: EventColumn): InputColumn {
  const facts = columnFacts(open, `${table}/${choice.column}`);
  const { input = `${table}_${choice.column}`, parts, datatype = facts.datatype } = choice;
  if (parts !== undefined && parts.length !== facts.width)
    throw hdf5Error(
      "hdf5-mismatch",
      `${open.path}: ${facts.dataset} has ${facts.width} parts, and ${parts.length} names are given for them (${parts.join(", ")})`,
      { path: open.path, dataset: facts.dataset },
    );
  const names = parts ?? (facts.width === 1 ? [] : Array.from({ length: facts.width }, (_, i) => String(i)));
  return {
    ...facts,
    inputs: names.length === 0 ? [input] : names.map((part) => `${input}_${part}`),
    target: datatype,
  };
}
