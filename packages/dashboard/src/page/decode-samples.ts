import type { EncodedSamples } from "./page-data.ts";

/** Values from the page's base64; NaN where there are none. */
export function decodeSamples(encoded: EncodedSamples): Float32Array {
  const text = atob(encoded.base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const { scale } = encoded;
  switch (encoded.type) {
    case "float32":
      return new Float32Array(bytes.buffer);
    case "int16":
      return Float32Array.from(new Int16Array(bytes.buffer), (code) =>
        code === -32768 ? Number.NaN : code * scale,
      );
    case "energy8":
      return Float32Array.from(bytes, (code) => (code / 255) ** 2 * scale);
  }
}
