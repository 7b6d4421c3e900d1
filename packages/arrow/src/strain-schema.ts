import { checkSampleRate, type StreamFormat } from "@strainflow/series";
import { malformed, tooLarge, unsupported } from "./errors.ts";
import {
  type FlatSlots,
  type FlatValue,
  int16,
  int32,
  string,
  table,
  tables,
  uint8,
} from "./flat-builder.ts";
import type { FlatTable } from "./flat-table.ts";
import { keyValues, readKeyValues } from "./ipc-message.ts";

/*
 * The schema by column of arrakis' Flight streams: `time: int64`, GPS nanoseconds of a row's first sample, and one
 * `list<dtype>` per channel with its `rate` (Hz, decimal) in the field's metadata. Numbers from Arrow's Schema.fbs.
 */

const TYPE = { int: 2, floatingPoint: 3, list: 12 } as const;
const TYPE_NAMES = [
  "none", "null", "int", "float", "binary", "utf8", "bool", "decimal", "date", "time", "timestamp", "interval",
  "list", "struct", "union", "fixed-size binary", "fixed-size list", "map", "duration", "large binary", "large utf8",
  "large list", "run-end encoded", "binary view", "utf8 view", "list view", "large list view",
]; // biome-ignore format: a table
const PRECISION = { single: 1, double: 2 } as const;

const MAX_NAME_BYTES = 1024;

const QUANTITY_KEY = "strainflow.quantity";

export type SampleType = "float32" | "float64";

/** A column of lists. Lists of integers (arrakis' state vectors) may stand beside strain, and are not read. */
export interface ChannelColumn {
  readonly kind: "channel";
  readonly name: string;
  readonly sampleType: SampleType | "integer";
  /** Bytes of one value. */
  readonly itemSize: number;
  /** Hz; absent where the field does not say. */
  readonly rate?: number;
}

export interface StrainSchema {
  /** In the order of the columns, which is that of the buffers. */
  readonly columns: readonly (ChannelColumn | { readonly kind: "time" })[];
  /** What the values are, where the writer says so. */
  readonly quantity?: string;
}

/** Reads a schema. @throws `arrow-malformed`, `arrow-unsupported`, `arrow-too-large` */
export function readSchema(header: FlatTable, maxChannels: number): StrainSchema {
  if (header.int16(0) !== 0) throw unsupported("big-endian data are not read; write little-endian");
  const count = header.tableCount(1);
  if (count > maxChannels + 1) throw tooLarge(`${count} columns`, "maxChannels", maxChannels);
  const columns = header.tables(1, count).map(readColumn);
  if (columns.filter((column) => column.kind === "time").length !== 1)
    throw malformed("there is no one column `time: int64`");
  const names = new Set(columns.map((column) => (column.kind === "time" ? "time" : column.name)));
  if (names.size !== columns.length) throw malformed("two columns have one name");
  const quantity = readKeyValues(header, 2, { [QUANTITY_KEY]: MAX_NAME_BYTES }).get(QUANTITY_KEY);
  return { columns, ...(quantity === undefined ? {} : { quantity }) };
}

function readColumn(field: FlatTable): StrainSchema["columns"][number] {
  const name = field.string(0, MAX_NAME_BYTES);
  if (name === undefined) throw malformed(`a column without a name of at most ${MAX_NAME_BYTES} bytes`);
  if (field.table(4) !== undefined)
    throw unsupported(`column ${name} is dictionary-encoded; write plain values`);
  const type = field.table(3);
  const typeNumber = field.uint8(2);
  if (name === "time") {
    if (typeNumber !== TYPE.int || type?.int32(0) !== 64 || type.uint8(1) !== 1)
      throw unsupported(`column time is ${typeName(typeNumber)}; it must be int64, GPS nanoseconds`);
    return { kind: "time" };
  }
  if (typeNumber !== TYPE.list)
    throw unsupported(
      `column ${name} is ${typeName(typeNumber)}; a channel is a list<float32> or list<float64>`,
    );
  const children = field.tables(5, 1);
  const item = children[0];
  if (item === undefined) throw malformed(`column ${name} is a list of nothing`);
  const { sampleType, itemSize } = readItem(name, item);
  const rate = readKeyValues(field, 6, { rate: MAX_NAME_BYTES }).get("rate");
  return {
    kind: "channel",
    name,
    sampleType,
    itemSize,
    ...(rate === undefined ? {} : { rate: checkRate(name, rate) }),
  };
}

function readItem(
  name: string,
  item: FlatTable,
): { sampleType: ChannelColumn["sampleType"]; itemSize: number } {
  const type = item.table(3);
  const typeNumber = item.uint8(2);
  if (item.table(4) !== undefined)
    throw unsupported(`column ${name} is dictionary-encoded; write plain values`);
  if (typeNumber === TYPE.floatingPoint) {
    const precision = type?.int16(0);
    if (precision === PRECISION.single) return { sampleType: "float32", itemSize: 4 };
    if (precision === PRECISION.double) return { sampleType: "float64", itemSize: 8 };
  }
  const bits = typeNumber === TYPE.int ? (type?.int32(0) ?? 0) : 0;
  if ([8, 16, 32, 64].includes(bits)) return { sampleType: "integer", itemSize: bits / 8 };
  throw unsupported(`column ${name} is a list of ${typeName(typeNumber)}; float32 and float64 are read`);
}

function checkRate(name: string, text: string): number {
  const rate = Number(text);
  // A channel below 1 Hz cannot be on our clock; it may stand beside those that are read.
  if (!Number.isFinite(rate) || rate <= 0) throw malformed(`column ${name} has rate "${text}"`);
  return rate;
}

function typeName(number: number): string {
  return TYPE_NAMES[number] ?? `of unknown type ${number}`;
}

/** What `channels` of a schema (default: all) are as one stream: their columns, and their one rate. */
export function selectChannels(
  schema: StrainSchema,
  channels: readonly string[] | undefined,
): StreamFormat & { readonly selected: readonly ChannelColumn[] } {
  const all = schema.columns.filter((column) => column.kind === "channel");
  const selected = (channels ?? all.map((column) => column.name)).map((name) => {
    const column = all.find((candidate) => candidate.name === name);
    if (column === undefined)
      throw unsupported(
        `there is no channel ${name}; there are ${all.map((c) => c.name).join(", ") || "none"}`,
      );
    if (column.sampleType === "integer")
      throw unsupported(`channel ${name} holds integers; name the float channels to read in \`channels\``);
    return column;
  });
  const first = selected[0];
  if (first === undefined) throw malformed("there is no channel");
  for (const { name, rate } of selected) {
    if (rate === undefined) throw malformed(`column ${name} has no \`rate\` in its metadata`);
    if (rate !== first.rate)
      throw unsupported(
        `channels ${first.name} (${first.rate} Hz) and ${name} (${rate} Hz) differ in rate; ` +
          "read them one by one, with `channels`",
      );
  }
  const sampleRate = first.rate ?? 0;
  if (!Number.isInteger(sampleRate) || sampleRate > 1_048_576)
    throw unsupported(`channel ${first.name} has a rate of ${sampleRate} Hz; whole numbers of Hz are read`);
  return { sampleRate, channels: selected.map((column) => column.name), selected };
}

/** The header of a schema message. */
export function schemaSlots(
  format: StreamFormat,
  sampleTypes: readonly SampleType[],
  quantity: string,
): FlatSlots {
  checkSampleRate("Arrow schema", format.sampleRate);
  const rate = new Map([["rate", String(format.sampleRate)]]);
  const fields: FlatSlots[] = [
    [string("time"), uint8(0), uint8(TYPE.int), table(int32(64), uint8(1)), undefined, tables([])],
    ...format.channels.map(
      (name, i): FlatSlots => [
        string(name),
        uint8(0),
        uint8(TYPE.list),
        table(),
        undefined,
        tables([itemSlots(sampleTypes[i]!)]),
        keyValues(rate),
      ],
    ),
  ];
  return [int16(0), tables(fields), keyValues(new Map([[QUANTITY_KEY, quantity]]))];
}

function itemSlots(sampleType: SampleType): FlatSlots {
  const precision: FlatValue = int16(sampleType === "float64" ? PRECISION.double : PRECISION.single);
  return [string("item"), uint8(1), uint8(TYPE.floatingPoint), table(precision), undefined, tables([])];
}
