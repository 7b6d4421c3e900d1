import type { Read } from "./messages.ts";

/* Numbers as the little-endian bytes that both ends send. */

export function float32(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

export function int32(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(values).buffer);
}

export function uint32(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

export function int64(...values: readonly (bigint | number)[]): Uint8Array {
  return new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
}

/** Elements of BYTES: each behind its length. */
export function texts(...values: readonly (string | Uint8Array)[]): Uint8Array {
  return Buffer.concat(
    values.flatMap((value) => {
      const bytes = typeof value === "string" ? Buffer.from(value) : value;
      return [uint32(bytes.byteLength), bytes];
    }),
  );
}

function bytesOf(read: Read, output: string): ArrayBuffer {
  const tensor = read.outputs[output];
  if (tensor === undefined) throw new Error(`there is no output ${output}: ${JSON.stringify(read)}`);
  return Uint8Array.from(tensor.bytes).buffer;
}

export function floats(read: Read, output: string): number[] {
  return [...new Float32Array(bytesOf(read, output))];
}

export function integers(read: Read, output: string): number[] {
  return [...new Int32Array(bytesOf(read, output))];
}

export function strings(read: Read, output: string): string[] {
  const bytes = Buffer.from(bytesOf(read, output));
  const values: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = bytes.readUInt32LE(at);
    values.push(bytes.toString("utf8", at + 4, at + 4 + size));
    at += 4 + size;
  }
  return values;
}
