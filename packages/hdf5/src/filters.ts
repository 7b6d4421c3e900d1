import { inflateSync } from "node:zlib";

/** What a chunk can have gone through before it was written, as far as it is undone here. */
export type Filter = "deflate" | "shuffle" | "fletcher32";

/** By HDF5's number of a filter and its first parameter; `undefined` if it is another one, or of an unusual form. */
export function filterOf(id: number, parameter: number | undefined, width: number): Filter | undefined {
  if (id === 1) return "deflate";
  if (id === 2) return parameter === width ? "shuffle" : undefined;
  return id === 3 ? "fletcher32" : undefined;
}

/** A checksum stands behind the bytes that it is of. */
const CHECKSUM_SIZE = 4;

/**
 * Undoes one filter on a chunk of `plainSize` bytes, of samples of `width`.
 *
 * @returns `undefined` if the bytes are not what the filter makes
 */
export function undone(
  filter: Filter,
  bytes: Uint8Array,
  plainSize: number,
  width: number,
): Uint8Array | undefined {
  switch (filter) {
    case "deflate":
      return inflated(bytes, plainSize + CHECKSUM_SIZE);
    case "shuffle":
      return bytes.length === plainSize ? unshuffled(bytes, width) : undefined;
    case "fletcher32":
      return checked(bytes);
  }
}

function inflated(bytes: Uint8Array, limit: number): Uint8Array | undefined {
  try {
    return inflateSync(bytes, { chunkSize: Math.max(64, limit), maxOutputLength: limit });
  } catch {
    return undefined;
  }
}

/** The first bytes of all samples stand first, then their second bytes, and so on. */
function unshuffled(planes: Uint8Array, width: number): Uint8Array {
  const count = planes.length / width;
  const words = new Uint32Array(planes.length / 4);
  const step = width / 4;
  for (let half = 0; half < step; half++) {
    const a = half * 4 * count;
    const b = a + count;
    const c = b + count;
    const d = c + count;
    for (let i = 0; i < count; i++)
      words[i * step + half] =
        planes[a + i]! | (planes[b + i]! << 8) | (planes[c + i]! << 16) | (planes[d + i]! << 24);
  }
  return new Uint8Array(words.buffer);
}

function checked(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length < CHECKSUM_SIZE) return undefined;
  const data = bytes.subarray(0, -CHECKSUM_SIZE);
  const [b0 = 0, b1 = 0, b2 = 0, b3 = 0] = bytes.subarray(-CHECKSUM_SIZE);
  return fletcher32(data) === (b0 | (b1 << 8) | (b2 << 16) | (b3 << 24)) >>> 0 ? data : undefined;
}

/** Words that can be summed twice before 32 bits are full. */
const BLOCK = 360;

/**
 * Fletcher's checksum over big-endian words of 16 bits, as HDF5 computes it: sums modulo 65535, of which zero is written
 * as 65535 unless all is zero.
 *
 * Source: J. G. Fletcher, "An arithmetic checksum for serial transmissions", IEEE Trans. Commun. 30 (1982) 247.
 */
export function fletcher32(data: Uint8Array): number {
  let sum = 0;
  let sums = 0;
  const even = data.length & ~1;
  for (let at = 0; at < even; ) {
    const end = Math.min(even, at + 2 * BLOCK);
    for (; at < end; at += 2) {
      sum += (data[at]! << 8) | data[at + 1]!;
      sums += sum;
    }
    sum = (sum & 0xffff) + (sum >>> 16);
    sums = (sums & 0xffff) + (sums >>> 16);
  }
  if (even < data.length) {
    sum += data[even]! << 8;
    sums += sum;
    sum = (sum & 0xffff) + (sum >>> 16);
    sums = (sums & 0xffff) + (sums >>> 16);
  }
  sum = (sum & 0xffff) + (sum >>> 16);
  sums = (sums & 0xffff) + (sums >>> 16);
  return ((sums << 16) | sum) >>> 0;
}
