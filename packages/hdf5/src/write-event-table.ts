import { invalidOption } from "@strainflow/series";
import type { Group } from "h5wasm/node";
import { createOutputFile } from "./output-file.ts";

/** Columns of one table for one event: rows of numbers, or rows of parts. */
export type EventRows = Readonly<
  Record<
    string,
    Int32Array | Float32Array | { readonly parts: number; readonly data: Int32Array | Float32Array }
  >
>;

/** An event as it is written. */
export interface WrittenEvent {
  /** Run, subrun, event. */
  readonly id: readonly [number, number, number];
  /** By table, by column; every event has the same tables and columns, and as many rows as it wants. */
  readonly tables: Readonly<Record<string, EventRows>>;
}

/** Rows per chunk: h5py would take as many for columns of this kind. */
const CHUNK_ROWS = 4096;

/**
 * Writes events in the layout that {@link openEventTable} and pynuml read: `event_table/event_id`, and in every table
 * columns of `[rows, parts]` with `event_id` and `event_id.seq_cnt`, gzip. All events are in memory at once.
 *
 * @throws `hdf5-write-failed`, `invalid-option` where events differ in their columns; then nothing is left at `path`
 */
export async function writeEventTable(path: string, events: readonly WrittenEvent[]): Promise<void> {
  const [first] = events;
  if (first === undefined) throw invalidOption("writeEventTable", "events", "empty", "at least one event");
  const tables = Object.entries(first.tables).map(([table, columns]) => tableOf(table, columns, events));
  const output = await createOutputFile(path);
  try {
    output.edit((file) => {
      file.create_group("event_table");
      const ids = Int32Array.from(events.flatMap(({ id }) => [...id]));
      column(groupAt(file.get("event_table")), "event_id", ids, 3);
      for (const { table, columns, ids: rowIds, counts } of tables) {
        file.create_group(table);
        const group = groupAt(file.get(table));
        for (const { name, parts, data } of columns) column(group, name, data, parts);
        column(group, "event_id", rowIds, 3);
        column(group, "event_id.seq_cnt", counts, 2);
      }
    });
  } catch (error) {
    await output.discard();
    throw error;
  }
  await output.finish();
}

interface Column {
  readonly name: string;
  readonly parts: number;
  readonly data: Int32Array | Float32Array;
}

function tableOf(table: string, first: EventRows, events: readonly WrittenEvent[]) {
  const rowIds: number[] = [];
  const counts: number[] = [];
  const pieces = new Map<string, Column[]>(Object.keys(first).map((name) => [name, []]));
  events.forEach(({ id, tables }, index) => {
    const columns = partsOf(tables[table] ?? {});
    const rows = (columns[0]?.data.length ?? 0) / (columns[0]?.parts ?? 1);
    const fits =
      columns.length === pieces.size && columns.every(({ data, parts }) => data.length === rows * parts);
    if (!fits || columns.some(({ name }) => !pieces.has(name)))
      throw invalidOption(
        "writeEventTable",
        `${table} of event ${id.join("/")}`,
        columns.map(({ name, data, parts }) => `${name}: ${data.length / parts} rows`).join(", "),
        `${[...pieces.keys()].join(", ")}, all of as many rows`,
      );
    for (const own of columns) pieces.get(own.name)?.push(own);
    for (let row = 0; row < rows; row++) rowIds.push(...id);
    // As pandana has it: only events with rows are counted.
    if (rows > 0) counts.push(index, rows);
  });
  const columns = [...pieces].map(([name, own]) => ({ name, parts: own[0]?.parts ?? 1, data: joined(own) }));
  return { table, columns, ids: Int32Array.from(rowIds), counts: Int32Array.from(counts) };
}

function partsOf(rows: EventRows): Column[] {
  return Object.entries(rows).map(([name, values]) =>
    "parts" in values ? { name, ...values } : { name, parts: 1, data: values },
  );
}

function joined(columns: readonly Column[]): Int32Array | Float32Array {
  const size = columns.reduce((sum, { data }) => sum + data.length, 0);
  const whole = columns[0]?.data instanceof Int32Array ? new Int32Array(size) : new Float32Array(size);
  let at = 0;
  for (const { data } of columns) {
    whole.set(data, at);
    at += data.length;
  }
  return whole;
}

function column(group: Group, name: string, data: Int32Array | Float32Array, parts: number): void {
  const rows = data.length / parts;
  const chunked =
    rows === 0
      ? { maxshape: [null, parts], chunks: [CHUNK_ROWS, parts] }
      : { chunks: [Math.min(CHUNK_ROWS, rows), parts], compression: "gzip" as const, compression_opts: 4 };
  group.create_dataset({ name, data, shape: [rows, parts], ...chunked });
}

function groupAt(entity: unknown): Group {
  if (typeof entity === "object" && entity !== null && "create_dataset" in entity) return entity as Group;
  throw new Error("the group that was just made is not there");
}
