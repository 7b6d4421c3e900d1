import { malformed, tooLarge, unsupported } from "./errors.ts";
import {
  buildFlatBuffer,
  type FlatSlots,
  type FlatValue,
  int16,
  int64,
  string,
  tables,
  uint8,
} from "./flat-builder.ts";
import { FlatTable } from "./flat-table.ts";
import { NULLS_KEY, ROWLESS_KEY } from "./gap-notes.ts";
import { MAX_METADATA_BYTES } from "./limits.ts";

/*
 * The encapsulated message of Arrow's IPC format, with the numbers of its Message.fbs:
 * 0xFFFFFFFF, int32 size of the metadata, the metadata (a FlatBuffer, padded to 8 bytes), the body.
 * https://arrow.apache.org/docs/format/Columnar.html#encapsulated-message-format
 */

/** Metadata version 5, in which messages are written; 4 differs only in types that are not read here. */
export const METADATA_V5 = 4;
const METADATA_V4 = 3;

export const PREFIX_SIZE = 8;

const NOTE_KEYS = { [NULLS_KEY]: MAX_METADATA_BYTES, [ROWLESS_KEY]: MAX_METADATA_BYTES };

/** Keys of custom metadata that are looked at, and the bytes of one: far more than any writer uses. */
const MAX_KEYS = 256;
const MAX_KEY_BYTES = 256;

const HEADER_NAMES = ["nothing", "a schema", "a dictionary", "a record batch", "a tensor", "a sparse tensor"];
const HEADER_TYPES = { schema: 1, batch: 3 } as const;

export interface IpcMessage {
  readonly type: "schema" | "batch";
  readonly header: FlatTable;
  readonly bodyLength: number;
  readonly metadata: ReadonlyMap<string, string>;
}

/** Size of the metadata that the 8 bytes at `offset` announce; 0 at the end of a stream. */
export function readPrefix(bytes: Uint8Array, offset = 0): number {
  if (offset + PREFIX_SIZE > bytes.length)
    throw malformed(`it ends inside a message's prefix at byte ${offset}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, PREFIX_SIZE);
  if (view.getUint32(0, true) !== 0xffff_ffff) throw malformed(`no message begins at byte ${offset}`);
  const size = view.getInt32(4, true);
  if (size < 0) throw malformed(`a message announces ${size} bytes of metadata`);
  if (size > MAX_METADATA_BYTES)
    throw tooLarge(
      `a message announces ${size} bytes of metadata`,
      "the format's reader",
      MAX_METADATA_BYTES,
    );
  return size;
}

/** Reads a message's metadata: what it is, and how long its body. */
export function readMessage(metadata: Uint8Array): IpcMessage {
  const message = FlatTable.root(metadata);
  const version = message.int16(0);
  if (version !== METADATA_V5 && version !== METADATA_V4)
    throw unsupported(`metadata version ${version + 1} is not read; versions 4 and 5 are`);
  const headerType = message.uint8(1);
  const header = message.table(2);
  const type =
    headerType === HEADER_TYPES.schema ? "schema" : headerType === HEADER_TYPES.batch ? "batch" : undefined;
  if (type === undefined)
    throw headerType < HEADER_NAMES.length && headerType > 0
      ? unsupported(`${HEADER_NAMES[headerType]} among the messages is not read; write plain columns`)
      : malformed(`a message of unknown kind ${headerType}`);
  if (header === undefined) throw malformed("a message without a header");
  return { type, header, bodyLength: message.length(3), metadata: readKeyValues(message, 4, NOTE_KEYS) };
}

/** The values of some keys in the `custom_metadata` of a message, a schema or a field; the first of each counts. */
export function readKeyValues(
  owner: FlatTable,
  slot: number,
  wanted: Readonly<Record<string, number>>,
): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (const pair of owner.tables(slot, MAX_KEYS)) {
    const key = pair.string(0, MAX_KEY_BYTES);
    if (key === undefined || pairs.has(key) || !Object.hasOwn(wanted, key)) continue;
    const value = pair.string(1, wanted[key]!);
    if (value === undefined)
      throw malformed(`the value of ${key} is missing, or longer than ${wanted[key]} bytes`);
    pairs.set(key, value);
  }
  return pairs;
}

export function keyValues(pairs: ReadonlyMap<string, string>): FlatValue | undefined {
  if (pairs.size === 0) return undefined;
  return tables([...pairs].map(([key, value]) => [string(key), string(value)]));
}

/** The bytes of a message before its body: prefix and metadata. */
export function buildMessage(
  type: IpcMessage["type"],
  header: FlatSlots,
  bodyLength: number,
  metadata: ReadonlyMap<string, string> = new Map(),
): Uint8Array {
  const flat = buildFlatBuffer([
    int16(METADATA_V5),
    uint8(HEADER_TYPES[type]),
    { kind: "table", slots: header },
    int64(bodyLength),
    keyValues(metadata),
  ]);
  const size = Math.ceil(flat.length / 8) * 8;
  const bytes = new Uint8Array(PREFIX_SIZE + size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0xffff_ffff, true);
  view.setInt32(4, size, true);
  bytes.set(flat, PREFIX_SIZE);
  return bytes;
}

/** What ends a stream: a message of no metadata. */
export const END_OF_STREAM: Uint8Array = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0);
