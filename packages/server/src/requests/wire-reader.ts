/** The last three bits of a tag: how long what follows is. */
export const WIRE = { varint: 0, bit64: 1, delimited: 2, group: 3, groupEnd: 4, bit32: 5 } as const;

/** Groups within groups are skipped this deep. */
const MAX_DEPTH = 100;

/** Longer texts are rare, and better read by the decoder at once. */
const SHORT = 256;

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads protobuf's wire format from bytes that may be anything. Unlike the reader of the generated code it makes no
 * object on its way: a tag is a number, and a message within another is read in place, between `enter` and `leave`.
 *
 * Every method @throws RangeError where the bytes are none of what is read
 */
export class WireReader {
  readonly #bytes: Buffer;
  pos = 0;
  /** Where the message ends that is read. */
  end: number;
  #low = 0;
  #high = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.end = bytes.byteLength;
  }

  /** The number of the field in all but the last three bits, and in these how long it is. */
  tag(): number {
    const start = this.pos;
    const tag = this.uint32();
    const size = this.pos - start;
    if (size > 5 || (size === 5 && (this.#bytes[this.pos - 1] ?? 0) > 0x0f) || tag < 8 || (tag & 7) > 5)
      throw new RangeError("illegal tag");
    return tag;
  }

  uint32(): number {
    const first = this.#bytes[this.pos] ?? 0;
    if (first < 128 && this.pos < this.end) {
      this.pos += 1;
      return first;
    }
    this.#varint();
    return this.#low;
  }

  /** A signed number; beyond 2^53 the nearest that there is. */
  int64AsNumber(): number {
    this.#varint();
    return (this.#high | 0) * 2 ** 32 + this.#low;
  }

  int64(): bigint {
    this.#varint();
    return this.#high === 0
      ? BigInt(this.#low)
      : BigInt.asIntN(64, (BigInt(this.#high) << 32n) | BigInt(this.#low));
  }

  uint64(): bigint {
    this.#varint();
    return this.#high === 0 ? BigInt(this.#low) : (BigInt(this.#high) << 32n) | BigInt(this.#low);
  }

  bool(): boolean {
    this.#varint();
    return this.#low !== 0 || this.#high !== 0;
  }

  double(): number {
    return this.#bytes.readDoubleLE(this.#take(8));
  }

  /** A text, which must be UTF-8. */
  string(): string {
    const size = this.uint32();
    const start = this.#take(size);
    const bytes = this.#bytes;
    const { pos: end } = this;
    if (size <= SHORT) {
      let at = start;
      while (at < end && (bytes[at] ?? 0) < 128) at += 1;
      if (at === end) return bytes.toString("latin1", start, end);
    }
    return UTF8.decode(bytes.subarray(start, end));
  }

  /** A view of them. */
  bytes(): Uint8Array {
    const start = this.#take(this.uint32());
    return this.#bytes.subarray(start, this.pos);
  }

  /** Goes into the message that follows; gives what `leave` wants to hear after its last field. */
  enter(): number {
    const size = this.uint32();
    const outer = this.end;
    const end = this.pos + size;
    if (end > outer) throw new RangeError("premature end");
    this.end = end;
    return outer;
  }

  leave(outer: number): void {
    this.end = outer;
  }

  /** Passes over what stands behind a tag. */
  skip(tag: number, depth: number = MAX_DEPTH): void {
    const type = tag & 7;
    if (type === WIRE.varint) this.#varint();
    else if (type === WIRE.bit64) this.#take(8);
    else if (type === WIRE.bit32) this.#take(4);
    else if (type === WIRE.delimited) this.#take(this.uint32());
    else if (type === WIRE.group && depth > 0) this.#skipGroup(tag, depth);
    else throw new RangeError("illegal group");
  }

  #skipGroup(tag: number, depth: number): void {
    for (;;) {
      const next = this.tag();
      if ((next & 7) === WIRE.groupEnd) {
        if (next >>> 3 !== tag >>> 3) throw new RangeError("illegal end of a group");
        return;
      }
      this.skip(next, depth - 1);
    }
  }

  /** Where so many bytes begin that are there. */
  #take(size: number): number {
    const start = this.pos;
    if (start + size > this.end) throw new RangeError("premature end");
    this.pos = start + size;
    return start;
  }

  /** 64 bits into `#low` and `#high`, both unsigned. */
  #varint(): void {
    const bytes = this.#bytes;
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.pos >= this.end) throw new RangeError("premature end");
      const byte = bytes[this.pos++] ?? 0;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (shift - 32);
      if (byte < 128) {
        this.#low = low >>> 0;
        this.#high = high >>> 0;
        return;
      }
    }
    throw new RangeError("a varint of more than ten bytes");
  }
}
