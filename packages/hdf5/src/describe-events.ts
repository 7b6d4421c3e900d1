import { hdf5Error } from "./errors.ts";
import { type EventQuery, type InputColumn, wantedColumns } from "./event-columns.ts";
import { type EventIds, indexRows, type RowIndex, readIds } from "./event-index.ts";
import type { OpenFile } from "./open-file.ts";

/** A table as it is read. */
export interface TableFacts {
  readonly table: string;
  readonly rows: number;
  readonly columns: readonly InputColumn[];
  readonly index: RowIndex;
}

/** What is known of a file of events before any of them is read. */
export interface EventFileFacts {
  readonly path: string;
  readonly byteSize: number;
  readonly modifiedMs: number;
  readonly ids: EventIds;
  readonly tables: readonly TableFacts[];
}

/** Reads ids, tables, and which rows are whose; no values. Memory: some 12 bytes per event and table. */
export function describeEvents(open: OpenFile, query: EventQuery): EventFileFacts {
  const ids = readIds(open, query);
  const tables = wantedColumns(open, query).map(({ table, columns }): TableFacts => {
    const rows = columns[0]?.rows ?? 0;
    return { table, rows, columns, index: indexRows(open, query, ids, table, rows) };
  });
  const names = tables.flatMap(({ columns }) => columns.flatMap(({ inputs }) => inputs));
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (names.length === 0 || twice !== undefined)
    throw hdf5Error(
      "hdf5-mismatch",
      twice === undefined
        ? `${open.path}: no table has a numeric column; name the columns that are wanted`
        : `${open.path}: two columns make the input ${twice}; give one of them another name`,
      { path: open.path },
    );
  const { byteSize, modifiedMs } = open.superblock;
  return { path: open.path, byteSize, modifiedMs, ids, tables };
}
