import { closeSync, openSync, readSync } from "node:fs";
import type { Superblock } from "./superblock.ts";

/*
 * Files of HDF5's old format (superblock 0 and 1: what GWOSC, gwpy and h5py write unless told otherwise) have no checksum
 * over their structure, and the library takes a broken chunk index for a dataset that was never written: it gives zeros.
 * So the few structures that lead to the chunks are also read here, and checked.
 *
 * Source: HDF5 File Format Specification 3.0, III.A–D (B-trees, symbol tables, local heap), IV.A (object headers).
 */

/** Thrown where the structure is of a kind that is not followed here; nothing can be said about the file then. */
export class UnknownStructure extends Error {}

/** Thrown where the structure is broken. */
export class BrokenStructure extends Error {}

/** Reads pieces of a file by address. */
export interface RawFile {
  readonly superblock: Superblock;
  /** @throws BrokenStructure if the piece is not inside the file */
  bytes(address: number, size: number): Buffer;
  close(): void;
}

/** Opens a file for {@link objectMessages}. */
export function openRaw(superblock: Superblock): RawFile {
  const descriptor = openSync(superblock.path, "r");
  return {
    superblock,
    bytes(address, size) {
      const at = superblock.base + address;
      if (!(address >= 0 && size >= 0 && at + size <= superblock.byteSize))
        throw new BrokenStructure(`an address (${address} + ${size}) lies outside the file`);
      const buffer = Buffer.alloc(size);
      readSync(descriptor, buffer, 0, size, at);
      return buffer;
    },
    close: () => closeSync(descriptor),
  };
}

/** An address in a piece. */
export function addressAt({ superblock }: RawFile, buffer: Buffer, at: number): number {
  return superblock.addressSize === 8 ? Number(buffer.readBigUInt64LE(at)) : buffer.readUInt32LE(at);
}

/** One message of an object header. */
export interface Message {
  readonly type: number;
  readonly body: Buffer;
}

/** Header messages of the object at `path`, found from the root group. */
export function objectMessages(raw: RawFile, path: string): Message[] {
  const { version, addressSize } = raw.superblock;
  if (version > 1) throw new UnknownStructure("superblock with checksums");
  const entryAt = (version === 1 ? 28 : 24) + 4 * addressSize;
  let header = addressAt(raw, raw.bytes(entryAt, 2 * addressSize), addressSize);
  for (const name of path.split("/")) header = memberOf(raw, header, name);
  return headerMessages(raw, header);
}

const CONTINUATION = 0x10;
const SYMBOL_TABLE = 0x11;
/** Blocks in one header, levels in one tree: more is a loop. */
const DEPTH_LIMIT = 64;

function headerMessages(raw: RawFile, address: number): Message[] {
  const prefix = raw.bytes(address, 16);
  if (prefix.subarray(0, 4).toString("latin1") === "OHDR")
    throw new UnknownStructure("object header with checksum");
  if (prefix[0] !== 1) throw new BrokenStructure(`an object header of version ${prefix[0]}`);
  const { addressSize, lengthSize } = raw.superblock;
  const messages: Message[] = [];
  const blocks = [raw.bytes(address + 16, prefix.readUInt32LE(8))];
  for (let i = 0; i < blocks.length; i++) {
    const block = blocks[i]!;
    for (let at = 0; at + 8 <= block.length; ) {
      const type = block.readUInt16LE(at);
      const size = block.readUInt16LE(at + 2);
      const body = block.subarray(at + 8, at + 8 + size);
      at += 8 + size;
      if (body.length < size) throw new BrokenStructure("a header message is cut off");
      messages.push({ type, body });
      if (type !== CONTINUATION) continue;
      if (size < addressSize + lengthSize || blocks.length > DEPTH_LIMIT)
        throw new BrokenStructure("an object header without end");
      blocks.push(raw.bytes(addressAt(raw, body, 0), lengthAt(raw, body, addressSize)));
    }
  }
  return messages;
}

function lengthAt({ superblock }: RawFile, buffer: Buffer, at: number): number {
  return superblock.lengthSize === 8 ? Number(buffer.readBigUInt64LE(at)) : buffer.readUInt32LE(at);
}

function memberOf(raw: RawFile, header: number, name: string): number {
  const table = headerMessages(raw, header).find(({ type }) => type === SYMBOL_TABLE)?.body;
  const { addressSize, lengthSize } = raw.superblock;
  if (table === undefined || table.length < 2 * addressSize)
    throw new UnknownStructure("group of the new kind");
  const heap = raw.bytes(addressAt(raw, table, addressSize), 8 + 2 * lengthSize + addressSize);
  expectSignature(heap, "HEAP");
  const names = raw.bytes(addressAt(raw, heap, 8 + 2 * lengthSize), lengthAt(raw, heap, 8));
  for (const node of leavesOf(raw, addressAt(raw, table, 0), 0, lengthSize)) {
    const head = raw.bytes(node.child, 8);
    expectSignature(head, "SNOD");
    const entrySize = 2 * addressSize + 24;
    const count = head.readUInt16LE(6);
    const entries = raw.bytes(node.child + 8, count * entrySize);
    for (let i = 0; i < count; i++) {
      const at = addressAt(raw, entries, i * entrySize);
      const end = names.indexOf(0, at);
      if (at < names.length && names.toString("utf8", at, end) === name)
        return addressAt(raw, entries, i * entrySize + addressSize);
    }
  }
  throw new BrokenStructure(`${name} is not in its group`);
}

/** A leaf of a version 1 B-tree: the key before a child, and the child. */
export interface Leaf {
  readonly key: Buffer;
  readonly child: number;
}

/** All leaves of a B-tree, in its order. `kind` 0 is a group's, 1 a chunk index. */
export function* leavesOf(
  raw: RawFile,
  address: number,
  kind: 0 | 1,
  keySize: number,
  depth = 0,
  parentLevel = 256,
): Generator<Leaf, void, undefined> {
  const { addressSize } = raw.superblock;
  const start = 8 + 2 * addressSize;
  const head = raw.bytes(address, start);
  expectSignature(head, "TREE");
  const level = head[5] ?? 0;
  if (head[4] !== kind || depth > DEPTH_LIMIT || level >= parentLevel)
    throw new BrokenStructure("an index that does not lead anywhere");
  const count = head.readUInt16LE(6);
  const entrySize = keySize + addressSize;
  const entries = raw.bytes(address + start, count * entrySize);
  for (let i = 0; i < count; i++) {
    const key = entries.subarray(i * entrySize, i * entrySize + keySize);
    const child = addressAt(raw, entries, i * entrySize + keySize);
    if (level === 0) yield { key, child };
    else yield* leavesOf(raw, child, kind, keySize, depth + 1, level);
  }
}

function expectSignature(buffer: Buffer, signature: string): void {
  if (buffer.toString("latin1", 0, 4) !== signature)
    throw new BrokenStructure(`a ${signature} block without its name`);
}
