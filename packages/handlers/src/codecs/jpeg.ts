import { decode, encode } from "jpeg-js";
import type { Image } from "./image.ts";
import { checkSize } from "./image-size.ts";

/** Bytes that a pixel takes while it is decoded: coefficients and samples of three components, and the result. */
const BYTES_PER_PIXEL = 32;

export function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
}

/** Opacity is left out: JPEG has none. */
export function encodeJpeg({ width, height, channels, data }: Image, quality: number): Uint8Array {
  const shift = data instanceof Uint16Array ? 8 : 0;
  const rgba = Buffer.alloc(width * height * 4, 255);
  const grey = channels < 3;
  for (let pixel = 0; pixel < width * height; pixel++)
    for (let c = 0; c < 3; c++) rgba[4 * pixel + c] = data[channels * pixel + (grey ? 0 : c)]! >> shift;
  return encode({ width, height, data: rgba }, quality).data;
}

/** Always red, green, blue. @throws `Error` with what is wrong */
export function decodeJpeg(bytes: Uint8Array, maxPixels: number): Image {
  const { width, height } = sizeOf(bytes);
  checkSize(width, height, maxPixels);
  const decoded = decode(bytes, {
    useTArray: true,
    formatAsRGBA: false,
    tolerantDecoding: false,
    maxResolutionInMP: maxPixels / 1e6,
    maxMemoryUsageInMB: 16 + (maxPixels * BYTES_PER_PIXEL) / 2 ** 20,
  });
  return { width: decoded.width, height: decoded.height, channels: 3, data: new Uint8Array(decoded.data) };
}

/** From the head of its frame: a marker 0xFFC0 to 0xFFCF that is none of the three among them that say other things. */
function sizeOf(bytes: Uint8Array): { readonly width: number; readonly height: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 2; at + 9 <= bytes.length; ) {
    if (bytes[at] !== 0xff) throw new TypeError(`there is no marker at byte ${at}`);
    const marker = bytes[at + 1]!;
    if (marker === 0xff) {
      at++;
      continue;
    }
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker))
      return { height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
    if (marker === 0xda || marker === 0xd9) break;
    at += 2 + view.getUint16(at + 2);
  }
  throw new TypeError("its size is not told before its picture");
}
