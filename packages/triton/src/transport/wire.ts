/*
 * The little of the protobuf wire format that inference messages need.
 * https://protobuf.dev/programming-guides/encoding/
 */

/** Wire types. */
export const VARINT = 0;
export const FIXED64 = 1;
export const LENGTH_DELIMITED = 2;
export const FIXED32 = 5;

/** Bytes of a varint of a whole number below 2^53. */
export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++;
  return size;
}

/** Writes a varint and gives the place after it. */
export function writeVarint(target: Uint8Array, at: number, value: number): number {
  let rest = value;
  let next = at;
  while (rest >= 128) {
    target[next++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  target[next++] = rest;
  return next;
}

/** A varint of 64 bits; negative numbers as their two's complement. */
export function varint64(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  while (rest >= 128n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return bytes;
}

/** A length-delimited field: tag, length, contents. */
export function delimited(field: number, contents: Uint8Array): Buffer {
  const head = 1 + varintSize(contents.length);
  const bytes = Buffer.allocUnsafe(head + contents.length);
  bytes[0] = (field << 3) | LENGTH_DELIMITED;
  writeVarint(bytes, 1, contents.length);
  bytes.set(contents, head);
  return bytes;
}

/** A string field; empty strings are left out, as proto3 does. */
export function stringField(field: number, text: string): Buffer {
  return text === "" ? Buffer.alloc(0) : delimited(field, Buffer.from(text, "utf8"));
}

/** Reads fields one by one, and never past the end that it was given. */
export class WireReader {
  bytes: Buffer = Buffer.alloc(0);
  at = 0;
  end = 0;

  /** Begins anew on `bytes[at … end)`. */
  reset(bytes: Buffer, at: number, end: number): this {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
    return this;
  }

  /** A varint as a number: exact below 2^53, and −1 for what lies above (no length or size of ours does). */
  varint(): number {
    const { bytes, end } = this;
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      if (this.at >= end) throw new RangeError("a varint runs past the end");
      const byte = bytes[this.at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value <= Number.MAX_SAFE_INTEGER ? value : -1;
      scale *= 128;
    }
    throw new RangeError("a varint is longer than ten bytes");
  }

  /** A varint of 64 bits, unsigned. */
  varint64(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (this.at >= this.end) throw new RangeError("a varint runs past the end");
      const byte = this.bytes[this.at++]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asUintN(64, value);
    }
    throw new RangeError("a varint is longer than ten bytes");
  }

  double(): number {
    const from = this.at;
    this.advance(8);
    return this.bytes.readDoubleLE(from);
  }

  /** The end of a length-delimited field that begins here. */
  delimitedEnd(): number {
    const size = this.varint();
    if (size < 0 || size > this.end - this.at)
      throw new RangeError(`a field of ${size} bytes runs past the end`);
    return this.at + size;
  }

  string(): string {
    const end = this.delimitedEnd();
    const text = this.bytes.toString("utf8", this.at, end);
    this.at = end;
    return text;
  }

  skip(wireType: number): void {
    switch (wireType) {
      case VARINT:
        this.varint();
        return;
      case FIXED64:
        this.advance(8);
        return;
      case LENGTH_DELIMITED:
        this.at = this.delimitedEnd();
        return;
      case FIXED32:
        this.advance(4);
        return;
      default:
        throw new RangeError(`wire type ${wireType} is not one of protobuf's`);
    }
  }

  private advance(size: number): void {
    if (size > this.end - this.at) throw new RangeError(`a field of ${size} bytes runs past the end`);
    this.at += size;
  }
}
