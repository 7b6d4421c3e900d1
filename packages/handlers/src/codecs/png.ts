import { inflateSync } from "node:zlib";
import { convertIndexedToRgb, type DecodedPng, decode, encode } from "fast-png";
import type { Image } from "./image.ts";
import { checkSize } from "./image-size.ts";

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
/** Chunks without which there is no picture; of the others some hold compressed text of any length. */
const NEEDED = new Set(["IHDR", "PLTE", "tRNS", "IDAT", "IEND"]);
/** Values of a pixel, by the colour type. */
const VALUES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

export function isPng(bytes: Uint8Array): boolean {
  return SIGNATURE.every((byte, i) => bytes[i] === byte);
}

export function encodePng({ width, height, channels, data }: Image): Uint8Array {
  return encode({ width, height, channels, data, depth: data instanceof Uint16Array ? 16 : 8 });
}

/** @throws `Error` with what is wrong */
export function decodePng(bytes: Uint8Array, maxPixels: number): Image {
  const { picture, data } = neededChunks(bytes);
  const head = new DataView(picture.buffer, picture.byteOffset);
  const [width, height, depth] = [head.getUint32(16), head.getUint32(20), head.getUint8(24)];
  const values = VALUES[head.getUint8(25)];
  checkSize(width, height, maxPixels);
  if (values === undefined || ![1, 2, 4, 8, 16].includes(depth))
    throw new TypeError("a colour type that PNG has not");
  // Each row has a byte of its own; interlaced, there are up to twice as many, and each may end inside a byte.
  const most = Math.ceil((width * height * values * depth) / 8) + 2 * (2 * height + 7) + width;
  const inflated = inflateSync(data, { maxOutputLength: most });
  if (head.getUint8(28) === 0 && inflated.length < height * (1 + Math.ceil((width * values * depth) / 8)))
    throw new RangeError("it ends before its last row");
  return plain(decode(picture, { checkCrc: true }));
}

/** A copy of the chunks that count: so nothing else is read, and nothing beyond the end. */
function neededChunks(bytes: Uint8Array): {
  readonly picture: Uint8Array<ArrayBuffer>;
  readonly data: Uint8Array;
} {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: Uint8Array[] = [bytes.subarray(0, 8)];
  const data: Uint8Array[] = [];
  let ended = false;
  for (let at = 8; !ended; ) {
    if (at + 12 > bytes.length) throw new RangeError("it ends before its last chunk");
    const end = at + 12 + view.getUint32(at);
    if (end > bytes.length) throw new RangeError("it ends inside a chunk");
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (at === 8 && (type !== "IHDR" || end !== 33)) throw new TypeError("it does not begin with its size");
    if (at !== 8 && type === "IHDR") throw new TypeError("it has two sizes");
    if (NEEDED.has(type)) parts.push(bytes.subarray(at, end));
    if (type === "IDAT") data.push(bytes.subarray(at + 8, end - 4));
    ended = type === "IEND";
    at = end;
  }
  const picture = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    picture.set(part, at);
    at += part.length;
  }
  return { picture, data: Buffer.concat(data) };
}

/** Colours instead of a palette's numbers, and whole bytes instead of bits. */
function plain(decoded: DecodedPng): Image {
  const { width, height, depth, palette } = decoded;
  if (palette !== undefined) {
    const data = convertIndexedToRgb(decoded);
    return { width, height, channels: channelsOf(data.length / (width * height)), data };
  }
  const channels = channelsOf(decoded.channels);
  if (decoded.data instanceof Uint16Array) return { width, height, channels, data: decoded.data };
  const packed = new Uint8Array(decoded.data.buffer, decoded.data.byteOffset, decoded.data.length);
  return { width, height, channels, data: depth < 8 ? unpack(packed, width, height, depth) : packed };
}

/** Greys of 1, 2 or 4 bits, from the highest bits of each byte on, as greys of 8. */
function unpack(packed: Uint8Array, width: number, height: number, depth: number): Uint8Array {
  const rowSize = Math.ceil((width * depth) / 8);
  const most = 2 ** depth - 1;
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const bit = x * depth;
      const value = (packed[y * rowSize + (bit >> 3)]! >> (8 - depth - (bit & 7))) & most;
      data[y * width + x] = (value * 255) / most;
    }
  return data;
}

function channelsOf(count: number): Image["channels"] {
  if (count === 1 || count === 2 || count === 3 || count === 4) return count;
  throw new TypeError(`${count} values per pixel`);
}
