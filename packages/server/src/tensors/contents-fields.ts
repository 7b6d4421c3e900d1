import { BinaryReader } from "@bufbuild/protobuf/wire";

/*
 * `InferTensorContents` off the wire, by hand: a message of millions of elements is counted and read in loops that make
 * no object of any of them, so that it holds up nobody.
 */

/** By the number of the field: what a client calls its type, and how its elements lie on the wire. */
const FIELDS = [
  undefined,
  { kind: "BOOL", form: "varint" },
  { kind: "INT32", form: "varint" },
  { kind: "INT64", form: "varint" },
  { kind: "UINT32", form: "varint" },
  { kind: "UINT64", form: "varint" },
  { kind: "FP32", form: "fixed", size: 4 },
  { kind: "FP64", form: "fixed", size: 8 },
  { kind: "BYTES", form: "text" },
] as const;

export type ContentsKind = NonNullable<(typeof FIELDS)[number]>["kind"];

export interface ContentsField {
  readonly kind: ContentsKind;
  readonly count: number;
  /** Bytes of all elements; of texts without their lengths. */
  readonly byteSize: number;
  readonly spans: readonly Span[];
}

/** Elements that lie one behind the other. */
interface Span {
  readonly begin: number;
  end: number;
  /** Each is a field of its own, and stands behind its tag. */
  readonly tagged: boolean;
}

class Found {
  readonly spans: Span[] = [];
  /** Of elements behind tags. */
  count = 0;
  byteSize = 0;

  packed(begin: number, end: number): void {
    if (end > begin) this.spans.push({ begin, end, tagged: false });
  }

  tagged(begin: number, end: number, size: number): void {
    this.count += 1;
    this.byteSize += size;
    const last = this.spans[this.spans.length - 1];
    if (last?.tagged === true && last.end === begin) last.end = end;
    else this.spans.push({ begin, end, tagged: true });
  }
}

/** The first field that has elements. @throws RangeError for bytes that are no such message */
export function contentsField(message: Uint8Array): ContentsField | undefined {
  const found = FIELDS.map(() => new Found());
  for (let at = 0; at < message.length; ) {
    const begin = at;
    const tag = readVarint(message, at);
    const number = tag >>> 3;
    const type = tag & 7;
    let from = next;
    let end: number;
    if (type === 0) {
      readVarint(message, from);
      end = next;
    } else if (type === 2) {
      const size = readVarint(message, from);
      from = next;
      end = from + size;
    } else if (type === 5) end = from + 4;
    else if (type === 1) end = from + 8;
    else end = endOfGroup(message, from, type, number);
    if (end > message.length) throw new RangeError("it is cut short");
    const field = number < FIELDS.length ? FIELDS[number] : undefined;
    if (field !== undefined) {
      if (
        field.form === "text" ? type === 2 : type === (field.form === "varint" ? 0 : field.size === 4 ? 5 : 1)
      )
        found[number]?.tagged(begin, end, end - from);
      else if (type === 2) found[number]?.packed(from, end);
    }
    at = end;
  }
  for (const [number, field] of FIELDS.entries()) {
    const own = found[number];
    if (field === undefined || own === undefined || own.spans.length === 0) continue;
    const packed = countPacked(message, own.spans, field.form === "fixed" ? field.size : 1);
    const count = own.count + packed.count;
    return { kind: field.kind, count, byteSize: own.byteSize + packed.byteSize, spans: own.spans };
  }
  return undefined;
}

/** `size`: of an element in bytes; 1: as many as it takes. */
function countPacked(
  message: Uint8Array,
  spans: readonly Span[],
  size: 1 | 4 | 8,
): { readonly count: number; readonly byteSize: number } {
  let count = 0;
  let byteSize = 0;
  for (const { begin, end, tagged } of spans) {
    if (tagged) continue;
    byteSize += end - begin;
    if ((end - begin) % size !== 0 || (size === 1 && (message[end - 1] ?? 0) >= 128))
      throw new RangeError("a number is cut short");
    if (size > 1) count += (end - begin) / size;
    else for (let at = begin; at < end; at++) if ((message[at] ?? 0) < 128) count += 1;
  }
  return { count, byteSize };
}

/** Numbers of 32 bits and less into an array of theirs: what does not fit is cut. */
export function readNarrow(
  message: Uint8Array,
  { spans }: ContentsField,
  into: Int8Array | Int16Array | Int32Array | Uint8Array | Uint16Array | Uint32Array,
): void {
  let index = 0;
  for (const { begin, end, tagged } of spans)
    for (let at = begin; at < end; at = next)
      into[index++] = readVarint(message, tagged ? afterTag(message, at) : at);
}

/** Whether each is anything but zero. */
export function readBooleans(message: Uint8Array, { spans }: ContentsField, into: Uint8Array): void {
  let index = 0;
  for (const { begin, end, tagged } of spans)
    for (let at = begin; at < end; at = next) {
      const low = readVarint(message, tagged ? afterTag(message, at) : at);
      into[index++] = low === 0 && high === 0 ? 0 : 1;
    }
}

/** Numbers of 64 bits, as halves, the lower first. */
export function readWide(message: Uint8Array, { spans }: ContentsField, into: Uint32Array): void {
  let index = 0;
  for (const { begin, end, tagged } of spans)
    for (let at = begin; at < end; at = next) {
      into[index] = readVarint(message, tagged ? afterTag(message, at) : at);
      into[index + 1] = high;
      index += 2;
    }
}

/** Numbers of `size` bytes as they are. */
export function readFixed(
  message: Uint8Array,
  { spans }: ContentsField,
  size: 4 | 8,
  into: Uint8Array,
): void {
  let offset = 0;
  for (const { begin, end, tagged } of spans) {
    if (!tagged) {
      into.set(message.subarray(begin, end), offset);
      offset += end - begin;
    } else
      for (let at = begin; at < end; at += size) {
        at = afterTag(message, at);
        for (let byte = 0; byte < size; byte++) into[offset++] = message[at + byte] ?? 0;
      }
  }
}

/** Texts as they travel: each behind its length. `into`: their bytes and four more for each. */
export function readTexts(message: Uint8Array, { spans }: ContentsField, into: Uint8Array): void {
  const view = new DataView(into.buffer, into.byteOffset, into.byteLength);
  let offset = 0;
  for (const { begin, end } of spans)
    for (let at = begin; at < end; ) {
      const size = readVarint(message, afterTag(message, at));
      const from = next;
      view.setUint32(offset, size, true);
      offset += 4;
      if (size > 16) into.set(message.subarray(from, from + size), offset);
      else for (let byte = 0; byte < size; byte++) into[offset + byte] = message[from + byte] ?? 0;
      offset += size;
      at = from + size;
    }
}

function afterTag(message: Uint8Array, at: number): number {
  let after = at;
  while ((message[after++] ?? 0) >= 128);
  return after;
}

/** What the last `readVarint` found beside the lower half that it gives back. */
let next = 0;
let high = 0;

/** The lower 32 bits, unsigned. @throws RangeError */
function readVarint(message: Uint8Array, from: number): number {
  const first = message[from];
  if (first !== undefined && first < 128) {
    next = from + 1;
    high = 0;
    return first;
  }
  let at = from;
  let low = 0;
  high = 0;
  for (let shift = 0; shift < 70; shift += 7) {
    const byte = message[at++];
    if (byte === undefined) throw new RangeError("a number is cut short");
    const bits = byte & 127;
    if (shift < 28) low |= bits << shift;
    else if (shift === 28) {
      low |= bits << 28;
      high = bits >>> 4;
    } else high |= bits << (shift - 32);
    if (byte < 128) {
      next = at;
      return low >>> 0;
    }
  }
  throw new RangeError("a number has more than ten bytes");
}

function endOfGroup(message: Uint8Array, at: number, type: number, field: number): number {
  const reader = new BinaryReader(message.subarray(at));
  reader.skip(type, field);
  return at + reader.pos;
}
