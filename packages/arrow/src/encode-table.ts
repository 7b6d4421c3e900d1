import { unsupported } from "./errors.ts";
import { int64, structs } from "./flat-builder.ts";
import { buildMessage, END_OF_STREAM } from "./ipc-message.ts";
import { isNumericType, NUMERIC, type Table, type TableColumn } from "./table.ts";
import { tableSchemaSlots } from "./table-schema.ts";

/**
 * A table as an Arrow IPC stream of one record batch: `pyarrow.ipc.open_stream(bytes).read_all()`.
 *
 * @throws `arrow-unsupported` where a column is not as long as the table
 */
export function encodeTable(table: Table): Uint8Array {
  const { rows, columns } = table;
  const buffers: Uint8Array[] = [];
  const nodes: number[][] = [];
  for (const [name, column] of columns) {
    const { type, values, valid } = column;
    const fits = !isNumericType(type) || values instanceof NUMERIC[type];
    if (values.length !== rows || (valid !== undefined && valid.length !== rows) || !fits)
      throw unsupported(`column ${name} has not the ${rows} values of type ${type} that its table has rows`);
    const nulls = valid === undefined ? 0 : valid.reduce((count, bit) => count + (bit === 0 ? 1 : 0), 0);
    nodes.push([rows, nulls]);
    buffers.push(
      valid === undefined || nulls === 0 ? new Uint8Array(0) : pack(valid),
      ...valueBuffers(column),
    );
  }
  let length = 0;
  const places = buffers.map((buffer) => {
    const place = [length, buffer.length];
    length += Math.ceil(buffer.length / 8) * 8;
    return place;
  });
  const schema = buildMessage("schema", tableSchemaSlots(table), 0);
  const batch = buildMessage("batch", [int64(rows), structs(nodes), structs(places)], length);
  const bodyAt = schema.length + batch.length;
  const bytes = new Uint8Array(bodyAt + length + END_OF_STREAM.length);
  bytes.set(schema);
  bytes.set(batch, schema.length);
  for (const [i, buffer] of buffers.entries()) bytes.set(buffer, bodyAt + places[i]![0]!);
  bytes.set(END_OF_STREAM, bodyAt + length);
  return bytes;
}

function valueBuffers(column: TableColumn): Uint8Array[] {
  const { type, values } = column;
  if (type === "bool") return [pack(values)];
  if (type === "utf8" || type === "binary") {
    const encoder = new TextEncoder();
    const pieces = type === "utf8" ? values.map((text) => encoder.encode(text)) : values;
    const offsets = new Int32Array(pieces.length + 1);
    for (const [i, piece] of pieces.entries()) offsets[i + 1] = offsets[i]! + piece.length;
    const data = new Uint8Array(offsets.at(-1) ?? 0);
    for (const [i, piece] of pieces.entries()) data.set(piece, offsets[i]!);
    return [new Uint8Array(offsets.buffer), data];
  }
  return [new Uint8Array(values.buffer, values.byteOffset, values.byteLength)];
}

function pack(bits: Uint8Array): Uint8Array {
  const packed = new Uint8Array(Math.ceil(bits.length / 8));
  for (const [i, bit] of bits.entries()) if (bit !== 0) packed[i >> 3]! |= 1 << (i & 7);
  return packed;
}
