import { hdf5Error, type PlainError, plainError } from "./errors.ts";
import type { ColumnFacts, InputColumn } from "./event-columns.ts";
import { badRows, type Numbers, readRows } from "./event-rows.ts";
import type { OpenFile } from "./open-file.ts";
import { toTarget } from "./to-target.ts";

/** Rows of some events, in one table. */
export interface TableRequest {
  readonly columns: readonly InputColumn[];
  readonly idColumn?: ColumnFacts;
  /** First row of each event, and how many there are. */
  readonly starts: readonly number[];
  readonly counts: readonly number[];
}

export interface EventsRequest {
  readonly path: string;
  /** As described: a file that has changed since is refused. */
  readonly byteSize: number;
  readonly modifiedMs: number;
  readonly tables: readonly TableRequest[];
  /** The id of each event. */
  readonly ids: readonly (readonly number[])[];
  /** Whether NaN and infinities are values like others. */
  readonly keepNonFinite: boolean;
}

/** Values of one event by input, in the order of tables, columns and parts; or why there are none. */
export type EventResult = { readonly values: readonly Numbers[] } | { readonly error: PlainError };

/**
 * Reads events. Rows that lie together are read together, and apart where that fails: only the events on which it does
 * are lost.
 *
 * @throws `hdf5-changed`, and what `reopen` throws
 */
export async function readEvents(
  open: () => OpenFile,
  reopen: () => Promise<void>,
  request: EventsRequest,
): Promise<EventResult[]> {
  const { superblock } = open();
  if (superblock.byteSize !== request.byteSize || superblock.modifiedMs !== request.modifiedMs)
    throw hdf5Error(
      "hdf5-changed",
      `${request.path}: the file was written to since it was opened; read it once it is complete`,
      { path: request.path },
    );
  try {
    return readTogether(open(), request, 0, request.ids.length);
  } catch {
    const results: EventResult[] = [];
    for (let i = 0; i < request.ids.length; i++) {
      if (open().instance.trapped) await reopen();
      try {
        results.push(...readTogether(open(), request, i, i + 1));
      } catch (error) {
        results.push({ error: plainError(error) });
      }
    }
    return results;
  }
}

/** Events `[from, to)` of the request. @throws if a part of any cannot be read */
function readTogether(open: OpenFile, request: EventsRequest, from: number, to: number): EventResult[] {
  const values: Numbers[][] = Array.from({ length: to - from }, () => []);
  const problems = new Map<number, Error>();
  for (const table of request.tables) {
    for (const run of runsOf(table, from, to)) {
      const { first, rows, events } = run;
      if (table.idColumn !== undefined && rows > 0) {
        const found = readRows(open, table.idColumn, first, rows);
        for (const i of events) {
          const problem = wrongId(open, table, table.idColumn, found, first, request.ids[i] ?? [], i);
          if (problem !== undefined) problems.set(i, problem);
        }
      }
      for (const column of table.columns) {
        const read = rows === 0 ? undefined : readRows(open, column, first, rows);
        for (const i of events) {
          const start = table.starts[i] ?? 0;
          const count = table.counts[i] ?? 0;
          const at = (start - first) * column.width;
          const own = read?.subarray(at, at + count * column.width) ?? new Uint8Array(0);
          const bad = badRows(open, column, start, start + count);
          if (bad !== undefined) problems.set(i, bad);
          try {
            values[i - from]?.push(...toTarget(column, own, request.keepNonFinite, open.path));
          } catch (error) {
            problems.set(i, error instanceof Error ? error : new Error(String(error)));
          }
        }
      }
    }
  }
  return values.map((own, n) => {
    const problem = problems.get(from + n);
    return problem === undefined ? { values: own } : { error: plainError(problem) };
  });
}

interface Run {
  readonly first: number;
  rows: number;
  readonly events: number[];
}

/** Events whose rows follow each other in the table, put together; in the order of the request. */
function* runsOf(
  { starts, counts }: TableRequest,
  from: number,
  to: number,
): Generator<Run, void, undefined> {
  let run: Run | undefined;
  for (let i = from; i < to; i++) {
    const start = starts[i] ?? 0;
    const count = counts[i] ?? 0;
    if (run !== undefined && (count === 0 || start === run.first + run.rows)) {
      run.rows += count;
      run.events.push(i);
      continue;
    }
    if (run !== undefined) yield run;
    run = { first: start, rows: count, events: [i] };
  }
  if (run !== undefined) yield run;
}

/** Rows that say they are another event's. */
function wrongId(
  open: OpenFile,
  table: TableRequest,
  column: ColumnFacts,
  found: Numbers,
  first: number,
  id: readonly number[],
  event: number,
): Error | undefined {
  const start = (table.starts[event] ?? 0) - first;
  for (let row = start; row < start + (table.counts[event] ?? 0); row++)
    for (let part = 0; part < column.width; part++)
      if (Number(found[row * column.width + part]) !== id[part])
        return hdf5Error(
          "hdf5-damaged",
          `${open.path}: ${column.dataset} is damaged: row ${first + row} is said to be of event ${id.join("/")}, and says that it is of ${found.subarray(row * column.width, (row + 1) * column.width).join("/")}`,
          { path: open.path, dataset: column.dataset, row: first + row },
        );
  return undefined;
}
