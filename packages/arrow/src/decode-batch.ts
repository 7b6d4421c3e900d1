import { type Block, type Gap, nsToIndex, type SampleArray, type TimeSeries } from "@strainflow/series";
import { aligned, type BatchColumns, bitAt, type ListColumn, readColumns } from "./batch-columns.ts";
import { malformed, tooLarge } from "./errors.ts";
import { type GapNote, NULLS_KEY, ROWLESS_KEY, readNotes } from "./gap-notes.ts";
import type { IpcMessage } from "./ipc-message.ts";
import type { ChannelColumn, StrainSchema, selectChannels } from "./strain-schema.ts";

export interface BatchContext {
  readonly schema: StrainSchema;
  readonly selection: ReturnType<typeof selectChannels>;
  readonly quantity: string;
  readonly maxBlocks: number;
}

/** A row without its samples. */
type RowFacts = Omit<TimeSeries, "kind" | "data" | "side" | "flow">;

/** Why a sample has no value; a stretch of one mark becomes one block. */
const MARK = { value: 0, null: 1, nan: 2, infinite: 3 } as const;

/**
 * The blocks of one record batch, in order of time; holes between rows stay holes.
 *
 * Values are views of `body` wherever alignment allows.
 *
 * @throws `arrow-malformed`, `arrow-unsupported`, `arrow-too-large`, `misaligned`
 */
export function decodeBatch(message: IpcMessage, body: Uint8Array, context: BatchContext): Block[] {
  const columns = readColumns(context.schema, message.header, body);
  if (columns.rows > context.maxBlocks)
    throw tooLarge(`${columns.rows} rows in one batch`, "maxBlocks", context.maxBlocks);
  const { sampleRate, channels } = context.selection;
  const facts = { quantity: context.quantity, sampleRate, channels };
  const nulls = readNotes(message.metadata.get(NULLS_KEY), context.maxBlocks);
  const rowless = readNotes(message.metadata.get(ROWLESS_KEY), context.maxBlocks);
  const blocks: Block[] = rowless.map((note): Gap => ({ kind: "gap", ...facts, ...note }));
  const cursor = { note: 0 };
  for (let row = 0; row < columns.rows; row++) {
    const size = rowSize(columns, context.selection.selected, row);
    if (size === 0) continue;
    const start = rowStart(columns.times[row]!, sampleRate, size);
    const { selected } = context.selection;
    const place: RowFacts = { ...facts, start, size };
    if (selected.some((column) => !hasList(columns, column, row)))
      pushNulls(place, start, start + size, nulls, cursor, blocks);
    else {
      const data = selected.map((column) => readRow(columns, column, row));
      const marks = markRow(columns, selected, data, row);
      const series: TimeSeries = { kind: "series", ...place, data };
      if (marks === undefined) blocks.push(series);
      else splitRow(series, marks, nulls, cursor, blocks, context.maxBlocks);
    }
    if (blocks.length > context.maxBlocks)
      throw tooLarge(`more than ${context.maxBlocks} blocks in one batch`, "maxBlocks", context.maxBlocks);
  }
  if (rowless.length > 0) blocks.sort((a, b) => a.start - b.start);
  let end = Number.MIN_SAFE_INTEGER;
  for (const block of blocks) {
    if (block.start < end) throw malformed(`rows overlap at sample ${block.start}`, { start: block.start });
    end = block.start + block.size;
  }
  return blocks;
}

function rowStart(ns: bigint, sampleRate: number, size: number): number {
  if (ns < 0n) throw malformed(`a row at ${ns} ns, before the GPS epoch`);
  const start = nsToIndex(ns, sampleRate);
  if (!Number.isSafeInteger(start + size)) throw malformed(`a row at ${ns} ns, past any clock`);
  return start;
}

/** Samples of a row: those of the channels that have a list there, which must agree. */
function rowSize(columns: BatchColumns, selected: readonly ChannelColumn[], row: number): number {
  let size: number | undefined;
  for (const column of selected) {
    const list = columns.lists.get(column)!;
    if (!hasList(columns, column, row)) continue;
    const own = list.offsets[row + 1]! - list.offsets[row]!;
    if (size !== undefined && own !== size)
      throw malformed(`row ${row} has ${size} samples of ${selected[0]!.name} and ${own} of ${column.name}`);
    size = own;
  }
  return size ?? 0;
}

/** Whether a channel has a list in a row, or a null in its place. */
function hasList(columns: BatchColumns, column: ChannelColumn, row: number): boolean {
  const { rowValidity } = columns.lists.get(column)!;
  return rowValidity === undefined || bitAt(rowValidity, row);
}

function readRow(columns: BatchColumns, column: ChannelColumn, row: number): SampleArray {
  const { offsets, values } = columns.lists.get(column)!;
  const { itemSize, sampleType } = column;
  const from = offsets[row]!;
  const to = offsets[row + 1]!;
  const bytes = aligned(values.subarray(from * itemSize, to * itemSize), itemSize);
  return sampleType === "float64"
    ? new Float64Array(bytes.buffer, bytes.byteOffset, to - from)
    : new Float32Array(bytes.buffer, bytes.byteOffset, to - from);
}

/** A mark per sample, or nothing where all channels have finite values throughout. */
function markRow(
  columns: BatchColumns,
  selected: readonly ChannelColumn[],
  data: readonly SampleArray[],
  row: number,
): Uint8Array | undefined {
  let marks: Uint8Array | undefined;
  selected.forEach((column, channel) => {
    const list = columns.lists.get(column)!;
    marks = markNulls(list, list.offsets[row]!, data[channel]!.length, marks);
    marks = markNotFinite(data[channel]!, marks);
  });
  return marks;
}

function markNulls(
  { validity }: ListColumn,
  from: number,
  size: number,
  marks: Uint8Array | undefined,
): Uint8Array | undefined {
  if (validity === undefined) return marks;
  let marked = marks;
  for (let i = 0; i < size; i++) {
    if (bitAt(validity, from + i)) continue;
    marked ??= new Uint8Array(size);
    marked[i] = MARK.null;
  }
  return marked;
}

function markNotFinite(values: SampleArray, marks: Uint8Array | undefined): Uint8Array | undefined {
  if (allFinite(values)) return marks;
  let marked = marks;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value - value === 0) continue;
    marked ??= new Uint8Array(values.length);
    if (marked[i] !== MARK.null)
      marked[i] = Math.max(marked[i]!, Number.isNaN(value) ? MARK.nan : MARK.infinite);
  }
  return marked;
}

/** Without a branch per sample: what is not finite times zero is NaN, and stays in the sum. */
function allFinite(values: SampleArray): boolean {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * 0;
  return sum === 0;
}

function splitRow(
  row: TimeSeries,
  marks: Uint8Array,
  nulls: readonly GapNote[],
  cursor: { note: number },
  blocks: Block[],
  maxBlocks: number,
): void {
  for (let from = 0; from < row.size; ) {
    const mark = marks[from]!;
    let to = from + 1;
    while (to < row.size && marks[to] === mark) to++;
    const start = row.start + from;
    if (mark === MARK.value)
      blocks.push({
        ...row,
        start,
        size: to - from,
        data: row.data.map((array) => array.subarray(from, to)),
      });
    else if (mark === MARK.null) pushNulls(row, start, row.start + to, nulls, cursor, blocks);
    else {
      const why = mark === MARK.nan ? "NaN in the data" : "infinite value in the data";
      blocks.push(gapOf(row, start, row.start + to, mark === MARK.nan ? "missing" : "damaged", why));
    }
    if (blocks.length > maxBlocks)
      throw tooLarge(`more than ${maxBlocks} blocks in one batch`, "maxBlocks", maxBlocks);
    from = to;
  }
}

/** Cuts a run of nulls where its reason changes. */
function pushNulls(
  row: RowFacts,
  start: number,
  end: number,
  nulls: readonly GapNote[],
  cursor: { note: number },
  blocks: Block[],
): void {
  for (let at = start; at < end; ) {
    while (cursor.note < nulls.length && nulls[cursor.note]!.start + nulls[cursor.note]!.size <= at)
      cursor.note++;
    const note = nulls[cursor.note];
    if (note === undefined || note.start > at) {
      const to = note === undefined ? end : Math.min(end, note.start);
      blocks.push(gapOf(row, at, to, "missing"));
      at = to;
    } else {
      const to = Math.min(end, note.start + note.size);
      blocks.push(gapOf(row, at, to, note.reason, note.detail));
      at = to;
    }
  }
}

function gapOf(row: RowFacts, start: number, end: number, reason: Gap["reason"], detail?: string): Gap {
  const { quantity, sampleRate, channels } = row;
  const gap = { kind: "gap" as const, quantity, sampleRate, channels, start, size: end - start, reason };
  return detail === undefined ? gap : { ...gap, detail };
}
