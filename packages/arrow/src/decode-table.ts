import { aligned, bitAt } from "./batch-columns.ts";
import { malformed, tooLarge, unsupported } from "./errors.ts";
import type { FlatTable } from "./flat-table.ts";
import { PREFIX_SIZE, readMessage, readPrefix } from "./ipc-message.ts";
import { joinColumns } from "./join-columns.ts";
import { type ArrowLimits, checkLimits } from "./limits.ts";
import { isNumericType, NUMERIC, type Table, type TableColumn } from "./table.ts";
import { type NamedType, readTableSchema } from "./table-schema.ts";

/**
 * The table in an Arrow IPC stream, as pyarrow's `RecordBatchStreamWriter` makes it: plain columns of integers, floats,
 * bool, utf8 and binary, in any number of record batches.
 *
 * Made for bytes from anywhere: every length and offset is checked before it is used, so memory stays within a small
 * multiple of the message.
 *
 * @throws `arrow-malformed`, `arrow-unsupported`, `arrow-too-large`
 */
export function decodeTable(bytes: Uint8Array, options: ArrowLimits = {}): Table {
  const limits = checkLimits("decodeTable", options);
  if (bytes.length > limits.maxBytes)
    throw tooLarge(`a message of ${bytes.length} bytes`, "maxBytes", limits.maxBytes);
  let schema: readonly NamedType[] | undefined;
  let rows = 0;
  const batches: (readonly TableColumn[])[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = readPrefix(bytes, at);
    if (size === 0) break;
    const bodyAt = at + PREFIX_SIZE + size;
    if (bodyAt > bytes.length) throw malformed(`it ends inside the metadata at byte ${at}`);
    const message = readMessage(bytes.subarray(at + PREFIX_SIZE, bodyAt));
    at = bodyAt + message.bodyLength;
    if (at > bytes.length)
      throw malformed(`a body of ${message.bodyLength} bytes where ${bytes.length - bodyAt} follow`);
    if (message.type === "schema") {
      if (schema !== undefined) throw malformed("a second schema");
      schema = readTableSchema(message.header, limits.maxChannels);
      continue;
    }
    if (schema === undefined) throw malformed("a record batch before the schema");
    if (batches.length === limits.maxBlocks)
      throw tooLarge(`more than ${limits.maxBlocks} record batches`, "maxBlocks", limits.maxBlocks);
    batches.push(readBatch(schema, message.header, bytes.subarray(bodyAt, at)));
    rows += message.header.length(0);
  }
  if (schema === undefined) throw malformed("there is no schema");
  const columns = schema.map(({ name, type }, i): [string, TableColumn] => [
    name,
    joinColumns(
      type,
      batches.map((batch) => batch[i]!),
    ),
  ]);
  return { rows, columns: new Map(columns) };
}

/** Lays the schema over the body of a record batch; buffers must follow one another, as every writer lays them. */
function readBatch(schema: readonly NamedType[], batch: FlatTable, body: Uint8Array): TableColumn[] {
  if (batch.table(3) !== undefined)
    throw unsupported("compressed buffers are not read; write them uncompressed");
  const most = 3 * schema.length;
  const nodes = batch.structs(1, 16, schema.length);
  const buffers = batch.structs(2, 16, most);
  const rows = batch.length(0);
  let end = 0;
  let next = 0;
  const buffer = (atLeast: number, what: string): Uint8Array => {
    const [offset, length] = buffers[next++] ?? [0, 0];
    if (length! < atLeast) throw malformed(`${what} need ${atLeast} bytes and have ${length}`);
    if (length === 0) return new Uint8Array(0);
    if (offset! < end || offset! + length! > body.length)
      throw malformed(`a buffer of ${length} bytes at ${offset} of a body of ${body.length}`);
    end = offset! + length!;
    return body.subarray(offset!, end);
  };
  if (nodes.length !== schema.length)
    throw malformed(`a record batch of ${nodes.length} columns; its schema has ${schema.length}`);
  return schema.map(({ name, type }, i): TableColumn => {
    const [length, nulls] = nodes[i]!;
    if (length !== rows) throw malformed(`column ${name} has ${length} of ${rows} rows`);
    if (nulls! > rows) throw malformed(`${nulls} nulls among ${rows} rows`);
    const bits = buffer(nulls! > 0 ? Math.ceil(rows / 8) : 0, `validity bits of ${name}`);
    // The values come first: they are what bounds the rows.
    const column = readValues(type, rows, buffer, name);
    return nulls === 0 ? column : { ...column, valid: unpack(bits, rows) };
  });
}

function readValues(
  type: NamedType["type"],
  rows: number,
  buffer: (atLeast: number, what: string) => Uint8Array,
  name: string,
): TableColumn {
  const what = `values of ${name}`;
  if (type === "bool") return { type, values: unpack(buffer(Math.ceil(rows / 8), what), rows) };
  if (isNumericType(type)) {
    const made = NUMERIC[type];
    const own = aligned(buffer(rows * made.BYTES_PER_ELEMENT, what), made.BYTES_PER_ELEMENT);
    return { type, values: new made(own.buffer as ArrayBuffer, own.byteOffset, rows) } as TableColumn;
  }
  // A batch of no rows may leave its offsets out.
  const offsets = aligned(buffer(rows === 0 ? 0 : 4 * (rows + 1), `offsets of ${name}`), 4);
  const data = buffer(0, what);
  const ends = new Int32Array(offsets.buffer, offsets.byteOffset, rows === 0 ? 0 : rows + 1);
  const pieces: Uint8Array[] = [];
  for (let row = 0; row < rows; row++) {
    const [from, to] = [ends[row]!, ends[row + 1]!];
    if (from < 0 || to < from || to > data.length)
      throw malformed(`column ${name}: offsets out of order at ${to} of ${data.length}`);
    pieces.push(data.subarray(from, to));
  }
  if (type === "binary") return { type, values: pieces };
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  try {
    return { type: "utf8", values: pieces.map((piece) => decoder.decode(piece)) };
  } catch {
    throw malformed(`column ${name} holds text that is not UTF-8`);
  }
}

function unpack(bits: Uint8Array, rows: number): Uint8Array {
  return Uint8Array.from({ length: rows }, (_, row) => (bitAt(bits, row) ? 1 : 0));
}
