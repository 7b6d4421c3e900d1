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
import type { ColumnType, Table } from "./table.ts";

/* Numbers from Arrow's Schema.fbs. */
const INT = 2;
const FLOAT = 3;
const BINARY = 4;
const UTF8 = 5;
const BOOL = 6;
const PRECISIONS: Readonly<Record<number, ColumnType>> = { 1: "float32", 2: "float64" };
const MAX_NAME_BYTES = 1024;

export interface NamedType {
  readonly name: string;
  readonly type: ColumnType;
}

/** @throws `arrow-malformed`, `arrow-unsupported`, `arrow-too-large` */
export function readTableSchema(header: FlatTable, maxChannels: number): readonly NamedType[] {
  if (header.int16(0) !== 0) throw unsupported("big-endian data are not read; write little-endian");
  const count = header.tableCount(1);
  if (count > maxChannels) throw tooLarge(`${count} columns`, "maxChannels", maxChannels);
  const fields = header.tables(1, count).map((field): NamedType => {
    const name = field.string(0, MAX_NAME_BYTES);
    if (name === undefined) throw malformed(`a column without a name of at most ${MAX_NAME_BYTES} bytes`);
    if (field.table(4) !== undefined)
      throw unsupported(`column ${name} is dictionary-encoded; write plain values`);
    const type = typeOf(field);
    if (type === undefined)
      throw unsupported(
        `column ${name} is of a type that is not read; integers, float32, float64, bool, utf8 and binary are`,
      );
    return { name, type };
  });
  if (new Set(fields.map(({ name }) => name)).size !== fields.length)
    throw malformed("two columns have one name");
  return fields;
}

function typeOf(field: FlatTable): ColumnType | undefined {
  const type = field.table(3);
  switch (field.uint8(2)) {
    case INT: {
      const name = `${type?.uint8(1) === 1 ? "int" : "uint"}${type?.int32(0)}`;
      return /^u?int(8|16|32|64)$/.test(name) ? (name as ColumnType) : undefined;
    }
    case FLOAT:
      return PRECISIONS[type?.int16(0) ?? 0];
    case BINARY:
      return "binary";
    case UTF8:
      return "utf8";
    case BOOL:
      return "bool";
    default:
      return undefined;
  }
}

/** The header of a schema message. */
export function tableSchemaSlots({ columns }: Table): FlatSlots {
  const fields = [...columns].map(([name, { type, valid }]): FlatSlots => {
    const [number, slots] = typeSlots(type);
    return [string(name), uint8(valid === undefined ? 0 : 1), uint8(number), slots, undefined, tables([])];
  });
  return [int16(0), tables(fields)];
}

function typeSlots(type: ColumnType): readonly [number, FlatValue] {
  if (type === "bool") return [BOOL, table()];
  if (type === "utf8") return [UTF8, table()];
  if (type === "binary") return [BINARY, table()];
  if (type === "float32" || type === "float64") return [FLOAT, table(int16(type === "float32" ? 1 : 2))];
  const bits = Number(/\d+$/.exec(type)?.[0]);
  return [INT, table(int32(bits), uint8(type.startsWith("u") ? 0 : 1))];
}
