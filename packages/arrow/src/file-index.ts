import type { FileHandle } from "node:fs/promises";
import { malformed, tooLarge, unsupported } from "./errors.ts";
import { FlatTable } from "./flat-table.ts";
import { type IpcMessage, PREFIX_SIZE, readMessage, readPrefix } from "./ipc-message.ts";
import { type CheckedLimits, MAX_METADATA_BYTES } from "./limits.ts";
import { readExactly } from "./read-exactly.ts";
import { readSchema, type StrainSchema } from "./strain-schema.ts";

/** What begins and ends an Arrow file (as opposed to a bare stream). */
export const MAGIC: Uint8Array = new TextEncoder().encode("ARROW1");
/** Magic and padding before the first message. */
export const FILE_HEAD_SIZE = 8;
const MAX_FOOTER_BYTES = 4 * MAX_METADATA_BYTES;
const FILE_TAIL_SIZE = 4 + MAGIC.length;

/** Where a record batch stands in a file. */
export interface Place {
  readonly position: number;
  /** Prefix and metadata. */
  readonly headSize: number;
  readonly bodyLength: number;
}

/** What a file's beginning, and its footer if it has one, say of it. */
export interface FileIndex {
  readonly schema: StrainSchema;
  readonly places?: readonly Place[];
  readonly firstMessage: number;
  /** Bytes of the file. */
  readonly size: number;
}

/** Tells a file from a stream by its first bytes, and reads its schema. */
export async function readIndex(file: FileHandle, limits: CheckedLimits): Promise<FileIndex> {
  const { size } = await file.stat();
  const head = await readExactly(file, 0, Math.min(size, FILE_HEAD_SIZE));
  return startsWith(head, MAGIC) ? readFooter(file, size, limits) : readStreamHead(file, size, limits);
}

async function readFooter(file: FileHandle, size: number, limits: CheckedLimits): Promise<FileIndex> {
  if (size < FILE_HEAD_SIZE + FILE_TAIL_SIZE) throw malformed("the file ends before its footer");
  const tail = await readExactly(file, size - FILE_TAIL_SIZE, FILE_TAIL_SIZE);
  if (!startsWith(tail.subarray(4), MAGIC))
    throw malformed("the file does not end with ARROW1: its writer did not finish, or part of it is gone");
  const footerSize = new DataView(tail.buffer).getInt32(0, true);
  if (footerSize < 4 || footerSize > size - FILE_HEAD_SIZE - FILE_TAIL_SIZE)
    throw malformed(`a footer of ${footerSize} bytes in a file of ${size}`);
  if (footerSize > MAX_FOOTER_BYTES)
    throw malformed(`a footer of ${footerSize} bytes; ${MAX_FOOTER_BYTES} would hold 700,000 batches`);
  const footerAt = size - FILE_TAIL_SIZE - footerSize;
  const footer = FlatTable.root(await readExactly(file, footerAt, footerSize));
  const header = footer.table(1);
  if (header === undefined) throw malformed("the footer has no schema");
  const schema = readSchema(header, limits.maxChannels);
  if (footer.structs(2, 24, 1, 1).length > 0) throw unsupported("there are dictionaries; write plain values");
  let end = FILE_HEAD_SIZE;
  const places = footer
    .structs(3, 24, Math.floor(size / 24), 1)
    .map(([position, headSize, bodyLength]): Place => {
      const place = { position: position!, headSize: headSize!, bodyLength: bodyLength! };
      if (
        place.position < end ||
        place.position + place.headSize + place.bodyLength > footerAt ||
        place.headSize < PREFIX_SIZE
      )
        throw malformed(`the footer puts a batch at byte ${position}, over other bytes`);
      checkSizes(place, limits);
      end = place.position + place.headSize + place.bodyLength;
      return place;
    });
  return { schema, places, firstMessage: FILE_HEAD_SIZE, size };
}

async function readStreamHead(file: FileHandle, size: number, limits: CheckedLimits): Promise<FileIndex> {
  const { message, next } = await readHead(file, 0, size);
  if (message?.type !== "schema") throw malformed("the stream does not begin with a schema");
  return { schema: readSchema(message.header, limits.maxChannels), firstMessage: next, size };
}

/** The record batches of a stream, one after the other. */
export async function* walkStream(
  file: FileHandle,
  { firstMessage, size }: FileIndex,
  limits: CheckedLimits,
): AsyncGenerator<Place> {
  for (let position = firstMessage; position < size; ) {
    const { message, next, headSize } = await readHead(file, position, size);
    if (message === undefined) return;
    if (message.type !== "batch") throw malformed("a second schema");
    const place = { position, headSize, bodyLength: message.bodyLength };
    checkSizes(place, limits);
    yield place;
    position = next;
  }
}

async function readHead(
  file: FileHandle,
  position: number,
  size: number,
): Promise<{ readonly message?: IpcMessage; readonly next: number; readonly headSize: number }> {
  const metadataSize = readPrefix(await readExactly(file, position, PREFIX_SIZE));
  const headSize = PREFIX_SIZE + metadataSize;
  if (metadataSize === 0) return { next: size, headSize };
  if (position + headSize > size)
    throw malformed(`the file ends inside a message's metadata at byte ${position}`);
  const message = readMessage(await readExactly(file, position + PREFIX_SIZE, metadataSize));
  const next = position + headSize + message.bodyLength;
  if (next > size) throw malformed(`the file ends inside a batch that begins at byte ${position}`);
  return { message, next, headSize };
}

function checkSizes({ headSize, bodyLength }: Place, limits: CheckedLimits): void {
  if (headSize > PREFIX_SIZE + MAX_METADATA_BYTES)
    throw malformed(`a batch with ${headSize} bytes of metadata`);
  if (bodyLength > limits.maxBytes)
    throw tooLarge(`a batch of ${bodyLength} bytes`, "maxBytes", limits.maxBytes);
}

function startsWith(bytes: Uint8Array, magic: Uint8Array): boolean {
  return magic.every((byte, i) => bytes[i] === byte);
}
