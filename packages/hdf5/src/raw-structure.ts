import { closeSync, openSync, readSync } from "node:fs";
import type { Superblock } from "./superblock.ts";

/*
 * HDF5's original structures (what GWOSC, gwpy and h5py write unless told otherwise) have no checksums, and its first
 * kind of chunk index never had any. The library takes a broken index for chunks that were never written, and gives
 * zeros. So the few structures that lead to the chunks are also read here, and checked.
 *
 * Source: HDF5 File Format Specification 3.0, II.A (superblock), III.A–D (B-trees, symbol tables, local heap), IV.A
 * (object headers and messages).
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
  // The root group's header stands after base, extension and end; in old files behind a fourth address and a name's.
  const at = version >= 2 ? 12 + 3 * addressSize : (version === 1 ? 28 : 24) + 5 * addressSize;
  let messages = headerMessages(raw, addressAt(raw, raw.bytes(at, addressSize), 0));
  for (const name of path.split("/")) messages = headerMessages(raw, memberOf(raw, messages, name));
  return messages;
}

const LINK = 0x06;
const CONTINUATION = 0x10;
const SYMBOL_TABLE = 0x11;
/** Blocks in one header, levels in one tree: more is a loop. */
const DEPTH_LIMIT = 64;

/** How messages stand in a header's blocks: with checksums ("OHDR") or in the original form. */
interface Form {
  readonly first: Buffer;
  /** Bytes before a message's body. */
  readonly headSize: number;
  typeAndSize(block: Buffer, at: number): readonly [number, number];
  /** What lies around the messages of a further block. */
  readonly before: number;
  readonly after: number;
}

function headerForm(raw: RawFile, address: number): Form {
  const prefix = raw.bytes(address, 16);
  if (prefix.toString("latin1", 0, 4) !== "OHDR") {
    if (prefix[0] !== 1) throw new BrokenStructure(`an object header of version ${prefix[0]}`);
    return {
      first: raw.bytes(address + 16, prefix.readUInt32LE(8)),
      headSize: 8,
      typeAndSize: (block, at) => [block.readUInt16LE(at), block.readUInt16LE(at + 2)],
      before: 0,
      after: 0,
    };
  }
  const flags = prefix[5] ?? 0;
  const sizeWidth = 1 << (flags & 3);
  const sizeAt = 6 + (flags & 0x20 ? 16 : 0) + (flags & 0x10 ? 4 : 0);
  const size = raw.bytes(address + sizeAt, sizeWidth).readUIntLE(0, Math.min(6, sizeWidth));
  return {
    first: raw.bytes(address + sizeAt + sizeWidth, size),
    headSize: flags & 4 ? 6 : 4,
    typeAndSize: (block, at) => [block[at] ?? 0, block.readUInt16LE(at + 1)],
    before: 4,
    after: 4,
  };
}

function headerMessages(raw: RawFile, address: number): Message[] {
  const form = headerForm(raw, address);
  const { addressSize, lengthSize } = raw.superblock;
  const messages: Message[] = [];
  const blocks = [form.first];
  for (let i = 0; i < blocks.length; i++) {
    const block = blocks[i]!;
    for (let at = 0; at + form.headSize <= block.length; ) {
      const [type, size] = form.typeAndSize(block, at);
      const body = block.subarray(at + form.headSize, at + form.headSize + size);
      at += form.headSize + size;
      if (body.length < size) throw new BrokenStructure("a header message is cut off");
      messages.push({ type, body });
      if (type !== CONTINUATION) continue;
      if (size < addressSize + lengthSize || blocks.length > DEPTH_LIMIT)
        throw new BrokenStructure("an object header without end");
      const length = lengthAt(raw, body, addressSize) - form.before - form.after;
      blocks.push(raw.bytes(addressAt(raw, body, 0) + form.before, length));
    }
  }
  return messages;
}

/** A length in a piece. */
export function lengthAt({ superblock }: RawFile, buffer: Buffer, at: number): number {
  return superblock.lengthSize === 8 ? Number(buffer.readBigUInt64LE(at)) : buffer.readUInt32LE(at);
}

/** Address of a group member's header. */
function memberOf(raw: RawFile, group: readonly Message[], name: string): number {
  for (const { type, body } of group) {
    if (type !== LINK) continue;
    const link = readLink(raw, body);
    if (link.name === name) return link.address;
  }
  const table = group.find(({ type }) => type === SYMBOL_TABLE)?.body;
  const { addressSize, lengthSize } = raw.superblock;
  if (table === undefined || table.length < 2 * addressSize)
    throw new UnknownStructure("group of another kind");
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

/** A link message: flags say which fields there are, and how wide the name's length is. */
function readLink(raw: RawFile, body: Buffer): { readonly name: string; readonly address: number } {
  const flags = body[1] ?? 0;
  const lengthWidth = 1 << (flags & 3);
  let at = 2 + (flags & 8 ? 1 : 0) + (flags & 4 ? 8 : 0) + (flags & 16 ? 1 : 0);
  const length = body.readUIntLE(at, Math.min(6, lengthWidth));
  at += lengthWidth;
  const hard = (flags & 8) === 0 || body[2] === 0;
  if (!hard || at + length + raw.superblock.addressSize > body.length) return { name: "", address: 0 };
  return { name: body.toString("utf8", at, at + length), address: addressAt(raw, body, at + length) };
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
