import type { Codec } from "../codec.ts";

/** Bytes, as they are; in JSON as base64. */
export const bytes: Codec<Uint8Array> = {
  name: "bytes",
  contentType: "application/octet-stream",
  encode: (value) => {
    if (!(value instanceof Uint8Array)) throw new TypeError("the codec bytes takes a Uint8Array");
    return value;
  },
  decode: (value) => value,
};
