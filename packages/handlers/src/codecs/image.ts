import type { Codec } from "../codec.ts";
import { decodeJpeg, encodeJpeg, isJpeg } from "./jpeg.ts";
import { decodePng, encodePng, isPng } from "./png.ts";

/** A picture, as rows of pixels from the top. */
export interface Image {
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  /** 1 grey, 2 grey and opacity, 3 red, green, blue, 4 those and opacity. */
  readonly channels: 1 | 2 | 3 | 4;
  /** `height × width × channels`; of 16 bits each where the picture has them. */
  readonly data: Uint8Array | Uint16Array;
}

export interface ImageCodecOptions {
  /** How pictures are written: what is read is told by its first bytes. Default "png": nothing is lost. */
  readonly format?: "png" | "jpeg";
  /** Pixels of a picture, checked before memory is taken. Default 16 Mi (4096 × 4096). */
  readonly maxPixels?: number;
  /** Of JPEG, from 1 to 100. Default 90. */
  readonly quality?: number;
}

/** Pictures in PNG or JPEG. */
export function createImageCodec(options: ImageCodecOptions = {}): Codec<Image> {
  const { format = "png", maxPixels = 2 ** 24, quality = 90 } = options;
  return {
    name: format,
    contentType: `image/${format}`,
    encode: (image) => {
      checkImage(image);
      return format === "png" ? encodePng(image) : encodeJpeg(image, quality);
    },
    decode: (bytes) => {
      if (isPng(bytes)) return decodePng(bytes, maxPixels);
      if (isJpeg(bytes)) return decodeJpeg(bytes, maxPixels);
      throw new TypeError("it begins neither as a PNG nor as a JPEG");
    },
  };
}

/** Pictures in PNG; JPEG is read too. */
export const png: Codec<Image> = createImageCodec({ format: "png" });
/** Pictures in JPEG; PNG is read too. */
export const jpeg: Codec<Image> = createImageCodec({ format: "jpeg" });

function checkImage({ width, height, channels, data }: Image): void {
  if (!Number.isSafeInteger(width) || !Number.isSafeInteger(height) || width < 1 || height < 1)
    throw new RangeError(`a picture of ${width} × ${height} pixels`);
  if (data.length !== width * height * channels)
    throw new RangeError(`${width} × ${height} pixels of ${channels} values are not ${data.length} values`);
}
