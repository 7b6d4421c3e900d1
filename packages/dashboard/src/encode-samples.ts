import type { EncodedSamples } from "./page/page-data.ts";

/** float32, as it is: for lines that may be zoomed into over many orders of magnitude. */
export function encodeFloat32(values: Float32Array): EncodedSamples {
  return { type: "float32", scale: 1, base64: base64(values) };
}

/** 16 bits of the largest absolute value: finer than any screen, at half the size. NaN is kept. */
export function encodeInt16(values: Float32Array): EncodedSamples {
  let peak = 0;
  for (const value of values) if (Number.isFinite(value)) peak = Math.max(peak, Math.abs(value));
  const scale = peak === 0 ? 1 : peak / 32767;
  const codes = Int16Array.from(values, (value) =>
    Number.isFinite(value) ? Math.round(value / scale) : -32768,
  );
  return { type: "int16", scale, base64: base64(codes) };
}

/** 8 bits of the square root, for energies: as fine as colours can be told apart, both at the noise and at the peak. */
export function encodeEnergy(values: Float32Array): EncodedSamples {
  let peak = 0;
  for (const value of values) if (Number.isFinite(value)) peak = Math.max(peak, value);
  const scale = peak === 0 ? 1 : peak;
  const codes = Uint8Array.from(values, (value) =>
    value > 0 ? Math.min(255, Math.round(255 * Math.sqrt(value / scale))) : 0,
  );
  return { type: "energy8", scale, base64: base64(codes) };
}

function base64(values: Float32Array | Int16Array | Uint8Array): string {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString("base64");
}
