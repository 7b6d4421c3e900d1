/*
 * A writer of FlatBuffers from a description of the tables. Parents come before their children, so that all offsets
 * point forward as the format wants, and tables start on 8 bytes, so that every field inside them can be aligned.
 */

/** What a slot of a table holds; `undefined` slots are absent and read as their default. */
export type FlatValue =
  | { readonly kind: "uint8" | "int16" | "int32"; readonly value: number }
  | { readonly kind: "int64"; readonly value: number }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "table"; readonly slots: FlatSlots }
  | { readonly kind: "tables"; readonly tables: readonly FlatSlots[] }
  | { readonly kind: "structs"; readonly rows: readonly (readonly number[])[] };

export type FlatSlots = readonly (FlatValue | undefined)[];

const INLINE_SIZE = { uint8: 1, int16: 2, int32: 4, int64: 8, string: 4, table: 4, tables: 4, structs: 4 };

export const uint8 = (value: number): FlatValue => ({ kind: "uint8", value });
export const int16 = (value: number): FlatValue => ({ kind: "int16", value });
export const int32 = (value: number): FlatValue => ({ kind: "int32", value });
export const int64 = (value: number): FlatValue => ({ kind: "int64", value });
export const string = (value: string): FlatValue => ({ kind: "string", value });
export const table = (...slots: FlatSlots): FlatValue => ({ kind: "table", slots });
export const tables = (list: readonly FlatSlots[]): FlatValue => ({ kind: "tables", tables: list });
/** Structs made of 64-bit integers only (a 32-bit one with its padding counts as one, in little-endian). */
export const structs = (rows: readonly (readonly number[])[]): FlatValue => ({ kind: "structs", rows });

/** The FlatBuffer whose root table has these slots; its length is a multiple of 8. */
export function buildFlatBuffer(root: FlatSlots): Uint8Array {
  const out = new Growing();
  const at = out.reserve(4, 4);
  writeTable(out, root, at);
  out.reserve(0, 8);
  return out.bytes.subarray(0, out.length);
}

function writeTable(out: Growing, slots: FlatSlots, pointer: number): void {
  const vtable = out.reserve(4 + 2 * slots.length, 2);
  let size = 4;
  const offsets = slots.map(() => 0);
  for (const width of [8, 4, 2, 1])
    slots.forEach((slot, i) => {
      if (slot === undefined || INLINE_SIZE[slot.kind] !== width) return;
      size = Math.ceil(size / width) * width;
      offsets[i] = size;
      size += width;
    });
  const position = out.reserve(size, 8);
  out.view.setUint32(pointer, position - pointer, true);
  out.view.setInt32(position, position - vtable, true);
  out.view.setUint16(vtable, 4 + 2 * slots.length, true);
  out.view.setUint16(vtable + 2, size, true);
  slots.forEach((slot, i) => {
    if (slot === undefined) return;
    out.view.setUint16(vtable + 4 + 2 * i, offsets[i]!, true);
    writeValue(out, slot, position + offsets[i]!);
  });
}

function writeValue(out: Growing, value: FlatValue, at: number): void {
  switch (value.kind) {
    case "uint8":
      out.view.setUint8(at, value.value);
      return;
    case "int16":
      out.view.setInt16(at, value.value, true);
      return;
    case "int32":
      out.view.setInt32(at, value.value, true);
      return;
    case "int64":
      out.view.setBigInt64(at, BigInt(value.value), true);
      return;
    case "table":
      writeTable(out, value.slots, at);
      return;
    case "string": {
      const text = new TextEncoder().encode(value.value);
      const start = out.reserve(4 + text.length + 1, 4);
      out.view.setUint32(start, text.length, true);
      out.bytes.set(text, start + 4);
      out.view.setUint32(at, start - at, true);
      return;
    }
    case "tables": {
      const start = out.reserve(4 + 4 * value.tables.length, 4);
      out.view.setUint32(start, value.tables.length, true);
      out.view.setUint32(at, start - at, true);
      value.tables.forEach((slots, i) => {
        writeTable(out, slots, start + 4 + 4 * i);
      });
      return;
    }
    case "structs": {
      const width = value.rows[0]?.length ?? 0;
      out.reserve(4, 8);
      const first = out.reserve(8 * width * value.rows.length, 8);
      out.view.setUint32(first - 4, value.rows.length, true);
      out.view.setUint32(at, first - 4 - at, true);
      value.rows.forEach((row, i) => {
        row.forEach((item, j) => {
          out.view.setBigInt64(first + 8 * (width * i + j), BigInt(item), true);
        });
      });
    }
  }
}

/** Zeroed memory that grows. */
class Growing {
  bytes: Uint8Array = new Uint8Array(1024);
  view: DataView = new DataView(this.bytes.buffer);
  length = 0;

  /** Takes `size` bytes at the next multiple of `alignment`, and says where. */
  reserve(size: number, alignment: number): number {
    const position = Math.ceil(this.length / alignment) * alignment;
    this.length = position + size;
    if (this.length > this.bytes.length) {
      const larger = new Uint8Array(2 * this.length);
      larger.set(this.bytes);
      this.bytes = larger;
      this.view = new DataView(larger.buffer);
    }
    return position;
  }
}
