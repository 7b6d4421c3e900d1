import type { StrainflowError } from "@strainflow/series";
import { hdf5Error } from "./errors.ts";
import { type ColumnFacts, columnFacts, type EventQuery } from "./event-columns.ts";
import { inPieces, READ_LIMIT } from "./event-rows.ts";
import { kindOf, type OpenFile } from "./open-file.ts";

/** Which rows of a table are whose: event `i` has `counts[i]` rows from `starts[i]` on. */
export interface RowIndex {
  readonly starts: Float64Array;
  readonly counts: Uint32Array;
  /** Repeats the event's id in every row, where the table has it. */
  readonly idColumn?: ColumnFacts;
}

/** The ids of all events, `size × width` whole numbers. */
export interface EventIds {
  readonly values: Float64Array;
  readonly width: number;
  readonly size: number;
}

/** Reads the ids of all events. @throws `hdf5-missing-dataset`, `hdf5-foreign`, `hdf5-damaged` */
export function readIds(open: OpenFile, { eventTable, idColumn }: EventQuery): EventIds {
  const column = columnFacts(open, `${eventTable}/${idColumn}`);
  const { rows: size, width, dataset } = column;
  if (size * width * 8 > READ_LIMIT)
    throw foreign(open, dataset, `has ${size.toLocaleString("en")} events, too many for one file: split it`);
  const values = new Float64Array(size * width);
  for (const { from, values: piece } of inPieces(open, column))
    for (let n = 0; n < piece.length; n++) {
      const id = Number(piece[n]);
      if (!Number.isSafeInteger(id))
        throw foreign(open, dataset, `has an id that is no whole number (${id})`);
      values[from * width + n] = id;
    }
  return { values, width, size };
}

/** An id as people write it: `run/subrun/event`. */
export function idText({ values, width }: EventIds, index: number): string {
  return values.subarray(index * width, (index + 1) * width).join("/");
}

/**
 * Finds out which rows of a table are whose, from what pandana and its kin leave there, the shortest first:
 * `<id>.seq_cnt` (event, rows; in the order of the rows), `<id>.seq` (each row's event), or the id itself in each row.
 *
 * @throws `hdf5-missing-dataset` if there is none of them; `hdf5-damaged` if they contradict the table; `hdf5-foreign`
 * if an event's rows are not together
 */
export function indexRows(
  open: OpenFile,
  query: EventQuery,
  ids: EventIds,
  table: string,
  rows: number,
): RowIndex {
  const index: RowIndex = { starts: new Float64Array(ids.size), counts: new Uint32Array(ids.size) };
  if (table === query.eventTable) {
    if (rows !== ids.size)
      throw damaged(open, table, `has ${rows} rows, and its ${query.idColumn} ${ids.size}`);
    index.starts.forEach((_, i) => {
      index.starts[i] = i;
      index.counts[i] = 1;
    });
    return index;
  }
  const at = (suffix: string): ColumnFacts | undefined => {
    const dataset = `${table}/${query.idColumn}${suffix}`;
    return kindOf(open, dataset) === "dataset" ? columnFacts(open, dataset) : undefined;
  };
  const own = at("");
  const idColumn = own !== undefined && own.rows === rows && own.width === ids.width ? { idColumn: own } : {};
  const counted = at(".seq_cnt");
  if (counted !== undefined) fromCounts(open, counted, rows, index);
  else {
    const numbered = at(".seq");
    if (numbered !== undefined && numbered.width === 1)
      fromRuns(open, numbered, rows, index, (value) => value);
    else if (own !== undefined && own.width === ids.width) fromIds(open, own, rows, index, ids);
    else
      throw hdf5Error(
        "hdf5-missing-dataset",
        `${open.path}: ${table} has none of ${query.idColumn}.seq_cnt, ${query.idColumn}.seq and ${query.idColumn}: nothing says which rows are of which event`,
        { path: open.path, dataset: `${table}/${query.idColumn}` },
      );
  }
  return { ...index, ...idColumn };
}

function fromCounts(open: OpenFile, column: ColumnFacts, rows: number, index: RowIndex): void {
  if (column.width !== 2)
    throw foreign(open, column.dataset, `has ${column.width} parts; it must have two, event and count`);
  let start = 0;
  for (const { values } of inPieces(open, column))
    for (let n = 0; n < values.length; n += 2) {
      const event = Number(values[n]);
      const count = Number(values[n + 1]);
      if (!(Number.isInteger(count) && count >= 0 && start + count <= rows))
        throw damaged(open, column.dataset, `counts more rows than the ${rows} that there are`);
      place(open, column.dataset, index, event, start, count);
      start += count;
    }
  if (start !== rows) throw damaged(open, column.dataset, `counts ${start} rows, and the table has ${rows}`);
}

/** Runs of rows of one event each. */
function fromRuns(
  open: OpenFile,
  column: ColumnFacts,
  rows: number,
  index: RowIndex,
  eventOf: (value: number) => number,
): void {
  if (column.rows !== rows)
    throw damaged(open, column.dataset, `has ${column.rows} rows, and its table ${rows}`);
  let event = -1;
  let start = 0;
  for (const { from, values } of inPieces(open, column))
    for (let n = 0; n < values.length; n++) {
      const here = eventOf(Number(values[n]));
      if (here === event) continue;
      if (from + n > start) place(open, column.dataset, index, event, start, from + n - start);
      event = here;
      start = from + n;
    }
  if (rows > start) place(open, column.dataset, index, event, start, rows - start);
}

function fromIds(open: OpenFile, column: ColumnFacts, rows: number, index: RowIndex, ids: EventIds): void {
  const known = new Map<string, number>();
  for (let i = 0; i < ids.size; i++) {
    const text = idText(ids, i);
    if (known.has(text))
      throw foreign(open, column.dataset, `cannot tell events apart: ${text} is there twice`);
    known.set(text, i);
  }
  let last = "";
  let event = -1;
  let start = 0;
  if (column.rows !== rows)
    throw damaged(open, column.dataset, `has ${column.rows} rows, and its table ${rows}`);
  for (const { from, values } of inPieces(open, column))
    for (let n = 0; n * ids.width < values.length; n++) {
      const text = values.subarray(n * ids.width, (n + 1) * ids.width).join("/");
      if (text === last && event >= 0) continue;
      if (from + n > start) place(open, column.dataset, index, event, start, from + n - start);
      last = text;
      event = known.get(text) ?? -1;
      start = from + n;
      if (event < 0)
        throw damaged(open, column.dataset, `names an event ${text} that is not in the list of events`);
    }
  if (rows > start) place(open, column.dataset, index, event, start, rows - start);
}

function place(
  open: OpenFile,
  dataset: string,
  { starts, counts }: RowIndex,
  event: number,
  start: number,
  count: number,
): void {
  if (!(Number.isInteger(event) && event >= 0 && event < starts.length))
    throw damaged(open, dataset, `names an event ${event} of ${starts.length}`);
  if (count === 0) return;
  if (counts[event] !== 0)
    throw foreign(open, dataset, `has rows of event ${event} in several places; sort the table by event`);
  starts[event] = start;
  counts[event] = count;
}

function foreign(open: OpenFile, dataset: string, why: string): StrainflowError {
  return hdf5Error("hdf5-foreign", `${open.path}: ${dataset} ${why}`, { path: open.path, dataset });
}

function damaged(open: OpenFile, dataset: string, why: string): StrainflowError {
  const message = `${open.path}: ${dataset} is damaged: it ${why}; download it again`;
  return hdf5Error("hdf5-damaged", message, { path: open.path, dataset });
}
