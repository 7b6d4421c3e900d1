import { resolve } from "node:path";
import {
  type EventItem,
  invalidOption,
  isStrainflowError,
  type Tensor,
  type TensorSpec,
} from "@strainflow/series";
import type { EventFileFacts } from "./describe-events.ts";
import { hdf5Error, revivedError } from "./errors.ts";
import type { EventColumn } from "./event-columns.ts";
import { idText } from "./event-index.ts";
import type { FilePort } from "./file-session.ts";
import { type Isolation, type PortPool, portPool } from "./port-pool.ts";
import type { EventResult, EventsRequest } from "./read-events.ts";

export interface EventTableOptions {
  /**
   * The groups that are read, and their columns, by name or with what becomes of them. Default: every group but the
   * events' own, and every numeric column in it but the ids; under these names are also labels, where the file has some.
   */
  readonly tables?: Readonly<Record<string, readonly (string | EventColumn)[]>>;
  /** The group with one row per event, whose ids say which events there are. Default `event_table`. */
  readonly eventTable?: string;
  /** Name of the ids in every group, and before `.seq_cnt` and `.seq` of the indexes. Default `event_id`. */
  readonly idColumn?: string;
  /** What an event with a NaN or an infinity is. Default "unreadable": no network learns anything from one. */
  readonly nonFinite?: "unreadable" | "keep";
  /** An event of more bytes than this is unreadable, and not read. Default 64 MiB, a thousand times a usual one. */
  readonly maxEventBytes?: number;
  /** Where the file is parsed: see `openHdf5`. Default "worker". */
  readonly isolation?: Isolation;
  /** Longest time for one read or description, ms, after which the parser is ended. Default 60 000; not with "none". */
  readonly timeoutMs?: number;
}

/** A file of events, which are read as they are asked for, in the order of the file. */
export interface EventTable extends AsyncIterable<EventItem> {
  readonly path: string;
  /** Events there are. */
  readonly size: number;
  /** The inputs that each event has, `[-1]` each. */
  readonly inputs: readonly TensorSpec[];
  /** Rows per table. */
  readonly tables: readonly { readonly name: string; readonly rows: number }[];
  /** Events `[from, to)`; `signal` gives up also a read that is under way. */
  events(options?: {
    readonly from?: number;
    readonly to?: number;
    readonly signal?: AbortSignal;
  }): AsyncIterable<EventItem>;
}

/** Events are read together up to this many bytes: many small ones cost as little as a large one. */
const BATCH_BYTES = 2 << 20;
const BATCH_EVENTS = 256;

/**
 * Opens a file of events as pandana, pynuml and NuGraph have them: a group per table (`hit_table`, `spacepoint_table`),
 * a dataset per column, as many rows per event as it has hits. Each event becomes one record of named ragged inputs,
 * `hit_table_integral` and so on, whose shapes come from the record; columns of several parts become an input each.
 *
 * Which rows are whose is told by `event_id.seq_cnt`, `event_id.seq` or `event_id` in each table; where ids stand in the
 * rows, they are checked. Memory: 12 bytes per event and table, and 2 MiB (or one event) of values. An event that cannot
 * be read, or does not fit, is an item that says so, and those after it follow. An event without rows in a table has
 * inputs of no elements there.
 *
 * @throws `file-not-found`, `hdf5-foreign`, `hdf5-truncated`, `hdf5-damaged`, `hdf5-missing-dataset`, `hdf5-mismatch`,
 * `hdf5-timeout`, `hdf5-parser-lost`, `invalid-option`; and from the iteration `hdf5-changed`
 *
 * @example
 * ```ts
 * const events = await openEventTable("neutrinos.h5", {
 *   tables: {
 *     hit_table: ["hit_id", "local_plane", "local_wire", "local_time", "integral", "rms"],
 *     spacepoint_table: ["spacepoint_id", { column: "hit_id", parts: ["u", "v", "y"] }],
 *   },
 * });
 * for await (const event of events) console.log(event.id, event.kind);
 * ```
 */
export async function openEventTable(path: string, options: EventTableOptions = {}): Promise<EventTable> {
  const { tables, eventTable = "event_table", idColumn = "event_id", nonFinite = "unreadable" } = options;
  const { maxEventBytes = 64 * 2 ** 20, isolation = "worker", timeoutMs = 60_000 } = options;
  if (!(maxEventBytes >= 1 && maxEventBytes <= 2 ** 28))
    throw invalidOption("openEventTable", "maxEventBytes", maxEventBytes, "from 1 to 2^28 bytes");
  const pool = portPool(isolation, timeoutMs);
  const port = pool.acquire();
  let facts: EventFileFacts | undefined;
  try {
    const query = { path: resolve(path), eventTable, idColumn };
    facts = await port.describeEvents(tables === undefined ? query : { ...query, tables });
  } finally {
    await pool.giveBack(port, facts !== undefined);
  }
  const found = facts;
  const inputs: TensorSpec[] = found.tables.flatMap(({ columns }) =>
    columns.flatMap((column) =>
      column.inputs.map((name) => ({ name, datatype: column.target, shape: [-1] })),
    ),
  );
  const reading = { facts: found, inputs, pool, maxEventBytes, keepNonFinite: nonFinite === "keep" };
  const events: EventTable["events"] = ({ from = 0, to = found.ids.size, signal } = {}) => ({
    [Symbol.asyncIterator]: () => readAll(reading, Math.max(from, 0), Math.min(to, found.ids.size), signal),
  });
  return {
    path: found.path,
    size: found.ids.size,
    inputs,
    tables: found.tables.map(({ table, rows }) => ({ name: table, rows })),
    events,
    [Symbol.asyncIterator]: () => events()[Symbol.asyncIterator](),
  };
}

interface Reading {
  readonly facts: EventFileFacts;
  readonly inputs: readonly TensorSpec[];
  readonly pool: PortPool;
  readonly maxEventBytes: number;
  readonly keepNonFinite: boolean;
}

async function* readAll(
  reading: Reading,
  from: number,
  to: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<EventItem, void, undefined> {
  const { facts, pool, maxEventBytes } = reading;
  signal?.throwIfAborted();
  const port = pool.acquire();
  /** Between two reads the parser is at rest, also where the reader stops early. */
  let sound = true;
  const giveUp = (): void => void port.dispose();
  signal?.addEventListener("abort", giveUp, { once: true });
  try {
    for (let at = from; at < to; ) {
      const bytes = byteSizeOf(facts, at);
      if (bytes > maxEventBytes) {
        yield unreadable(facts, at, tooLarge(facts, at, bytes, maxEventBytes));
        at++;
        continue;
      }
      let end = at + 1;
      for (let sum = bytes; end < to && end - at < BATCH_EVENTS; end++) {
        const next = byteSizeOf(facts, end);
        sum += next;
        if (sum > BATCH_BYTES || next > maxEventBytes) break;
      }
      sound = false;
      const results = await readBatch(reading, port, at, end, signal);
      sound = true;
      for (const [n, result] of results.entries()) {
        yield itemOf(reading, at + n, result);
        signal?.throwIfAborted();
      }
      at = end;
    }
  } finally {
    signal?.removeEventListener("abort", giveUp);
    await pool.giveBack(port, sound && signal?.aborted !== true);
  }
}

/** One batch; where it ends the parser, event by event, each of which may end a parser of its own. */
async function readBatch(
  reading: Reading,
  port: FilePort,
  from: number,
  to: number,
  signal: AbortSignal | undefined,
): Promise<readonly EventResult[]> {
  try {
    return await port.readEvents(requestOf(reading, from, to));
  } catch (error) {
    signal?.throwIfAborted();
    const ended = isStrainflowError(error, "hdf5-timeout") || isStrainflowError(error, "hdf5-parser-lost");
    if (!ended) throw error;
    if (to - from === 1)
      return [{ error: { tag: error.tag, message: error.message, details: error.details } }];
  }
  const results: EventResult[] = [];
  for (let at = from; at < to; at++) results.push(...(await readBatch(reading, port, at, at + 1, signal)));
  return results;
}

function requestOf({ facts, keepNonFinite }: Reading, from: number, to: number): EventsRequest {
  const { path, byteSize, modifiedMs, ids, tables } = facts;
  return {
    path,
    byteSize,
    modifiedMs,
    keepNonFinite,
    ids: Array.from({ length: to - from }, (_, n) => [
      ...ids.values.subarray((from + n) * ids.width, (from + n + 1) * ids.width),
    ]),
    tables: tables.map(({ columns, index }) => ({
      columns,
      starts: [...index.starts.subarray(from, to)],
      counts: [...index.counts.subarray(from, to)],
      ...(index.idColumn === undefined ? {} : { idColumn: index.idColumn }),
    })),
  };
}

function itemOf({ facts, inputs }: Reading, index: number, result: EventResult): EventItem {
  if ("error" in result) return unreadable(facts, index, revivedError(result.error));
  const tensors: Record<string, Tensor> = {};
  for (const [n, { name, datatype }] of inputs.entries()) {
    const data = result.values[n];
    if (data !== undefined) tensors[name] = { datatype, shape: [data.length], data };
  }
  return { kind: "event", id: idText(facts.ids, index), index, inputs: tensors };
}

function unreadable({ ids }: EventFileFacts, index: number, error: Error): EventItem {
  return { kind: "unreadable", id: idText(ids, index), index, error };
}

function byteSizeOf({ tables }: EventFileFacts, event: number): number {
  let bytes = 0;
  for (const { columns, index } of tables)
    for (const { width, elementSize } of columns) bytes += (index.counts[event] ?? 0) * width * elementSize;
  return bytes;
}

function tooLarge(facts: EventFileFacts, event: number, bytes: number, limit: number): Error {
  return hdf5Error(
    "hdf5-mismatch",
    `${facts.path}: event ${idText(facts.ids, event)} has ${bytes.toLocaleString("en")} bytes, more than the ${limit.toLocaleString("en")} of maxEventBytes`,
    { path: facts.path, bytes },
  );
}
