import { type ColumnType, isNumericType, NUMERIC, type TableColumn } from "./table.ts";

/** A column of the same parts one after the other. */
export function joinColumns(type: ColumnType, parts: readonly TableColumn[]): TableColumn {
  const [first] = parts;
  if (parts.length === 1 && first !== undefined) return first;
  const rows = parts.reduce((sum, { values }) => sum + values.length, 0);
  const joined = { type, values: joinValues(type, parts, rows) } as TableColumn;
  if (parts.every(({ valid }) => valid === undefined)) return joined;
  const valid = new Uint8Array(rows).fill(1);
  let at = 0;
  for (const part of parts) {
    if (part.valid !== undefined) valid.set(part.valid, at);
    at += part.values.length;
  }
  return { ...joined, valid };
}

function joinValues(type: ColumnType, parts: readonly TableColumn[], rows: number): TableColumn["values"] {
  if (!isNumericType(type) && type !== "bool")
    return parts.flatMap(({ values }) => [...values]) as readonly string[];
  const made = type === "bool" ? Uint8Array : NUMERIC[type];
  const joined = new made(rows);
  const bytes = new Uint8Array(joined.buffer);
  let at = 0;
  for (const { values } of parts) {
    if (!ArrayBuffer.isView(values)) continue;
    bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
    at += values.byteLength;
  }
  return joined;
}
