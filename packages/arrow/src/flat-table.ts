import { malformed } from "./errors.ts";

/*
 * A reader of FlatBuffers tables that trusts nothing: every position is checked against the buffer before it is read,
 * so that no sequence of bytes makes it read past the end, loop, or allocate more than the buffer's own size.
 * Layout: https://flatbuffers.dev/internals/ (a table points back to its vtable; vtable entries are offsets by slot).
 */

/** One table inside a FlatBuffer. Absent slots give the schema's default, which the caller passes. */
export class FlatTable {
  readonly #view: DataView;
  readonly #position: number;
  readonly #vtable: number;
  readonly #vtableSize: number;
  readonly #size: number;

  /** The root table of a FlatBuffer. */
  static root(bytes: Uint8Array): FlatTable {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    within(view, 0, 4);
    return new FlatTable(view, view.getUint32(0, true));
  }

  private constructor(view: DataView, position: number) {
    within(view, position, 4);
    const vtable = position - view.getInt32(position, true);
    within(view, vtable, 4);
    const vtableSize = view.getUint16(vtable, true);
    const size = view.getUint16(vtable + 2, true);
    if (vtableSize < 4 || size < 4) throw malformed(`a metadata table at byte ${position} has no extent`);
    within(view, vtable, vtableSize);
    within(view, position, size);
    this.#view = view;
    this.#position = position;
    this.#vtable = vtable;
    this.#vtableSize = vtableSize;
    this.#size = size;
  }

  /** Absolute position of a slot's value of `bytes` bytes, or 0 where the slot is absent. */
  #at(slot: number, bytes: number): number {
    const entry = 4 + 2 * slot;
    if (entry + 2 > this.#vtableSize) return 0;
    const offset = this.#view.getUint16(this.#vtable + entry, true);
    if (offset === 0) return 0;
    if (offset < 4 || offset + bytes > this.#size)
      throw malformed(`a metadata field (slot ${slot}) lies outside its table`);
    return this.#position + offset;
  }

  /** Where an offset slot points, or 0 where it is absent. */
  #target(slot: number): number {
    const at = this.#at(slot, 4);
    return at === 0 ? 0 : at + this.#view.getUint32(at, true);
  }

  uint8(slot: number, missing = 0): number {
    const at = this.#at(slot, 1);
    return at === 0 ? missing : this.#view.getUint8(at);
  }

  int16(slot: number, missing = 0): number {
    const at = this.#at(slot, 2);
    return at === 0 ? missing : this.#view.getInt16(at, true);
  }

  int32(slot: number, missing = 0): number {
    const at = this.#at(slot, 4);
    return at === 0 ? missing : this.#view.getInt32(at, true);
  }

  /** A 64-bit integer that must be a length or an offset: from 0 up to 2^53 − 1. */
  length(slot: number): number {
    const at = this.#at(slot, 8);
    return at === 0 ? 0 : lengthAt(this.#view, at);
  }

  table(slot: number): FlatTable | undefined {
    const target = this.#target(slot);
    return target === 0 ? undefined : new FlatTable(this.#view, target);
  }

  /**
   * A string of at most `limit` bytes; absent if it is longer. The limit is needed because a thousand fields may point
   * at the same long string.
   */
  string(slot: number, limit: number): string | undefined {
    const target = this.#target(slot);
    if (target === 0) return undefined;
    const count = this.#count(target, 1);
    if (count > limit) return undefined;
    const bytes = new Uint8Array(this.#view.buffer, this.#view.byteOffset + target + 4, count);
    return new TextDecoder().decode(bytes);
  }

  /** Number of entries of a vector of tables. */
  tableCount(slot: number): number {
    const target = this.#target(slot);
    return target === 0 ? 0 : this.#count(target, 4);
  }

  /** A vector of tables, at most `limit` of them. */
  tables(slot: number, limit: number): FlatTable[] {
    const target = this.#target(slot);
    if (target === 0) return [];
    const count = this.#count(target, 4);
    if (count > limit) throw malformed(`${count} entries where at most ${limit} can be`);
    return Array.from({ length: count }, (_, i) => {
      const at = target + 4 + 4 * i;
      return new FlatTable(this.#view, at + this.#view.getUint32(at, true));
    });
  }

  /**
   * A vector of structs, each `structSize` bytes, with a length or an offset (or, at `int32At`, a 4-byte one) in every
   * 8 bytes: rows of `structSize / 8` numbers.
   */
  structs(slot: number, structSize: number, limit: number, int32At = -1): number[][] {
    const target = this.#target(slot);
    if (target === 0) return [];
    const count = this.#count(target, structSize);
    if (count > limit) throw malformed(`${count} entries where at most ${limit} can be`);
    return Array.from({ length: count }, (_, i) =>
      Array.from({ length: structSize / 8 }, (_, j) => {
        const at = target + 4 + structSize * i + 8 * j;
        if (j !== int32At) return lengthAt(this.#view, at);
        const value = this.#view.getInt32(at, true);
        if (value < 0) throw malformed(`a length of ${value}`);
        return value;
      }),
    );
  }

  #count(target: number, itemSize: number): number {
    within(this.#view, target, 4);
    const count = this.#view.getUint32(target, true);
    within(this.#view, target + 4, count * itemSize);
    return count;
  }
}

function lengthAt(view: DataView, at: number): number {
  const value = view.getBigInt64(at, true);
  if (value < 0n || value > 9_007_199_254_740_991n) throw malformed(`a length of ${value}`);
  return Number(value);
}

function within(view: DataView, position: number, size: number): void {
  if (position < 0 || position + size > view.byteLength)
    throw malformed(`the metadata points at bytes ${position} to ${position + size} of ${view.byteLength}`);
}
