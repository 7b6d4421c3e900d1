/*
 * Elements of BYTES as they travel over gRPC (raw contents) and HTTP (binary tensors), and lie in shared memory: one
 * behind another, each behind its length in bytes, which is a little-endian unsigned integer of four bytes.
 * https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
 */

/** Bytes that stand before each byte string: its length. */
const LENGTH_SIZE = 4;

/** Size in bytes of byte strings as they travel. */
export function byteStringsSize(strings: readonly Uint8Array[]): number {
  return strings.reduce((size, string) => size + LENGTH_SIZE + string.byteLength, 0);
}

/** Byte strings as they travel. */
export function joinByteStrings(strings: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(byteStringsSize(strings));
  const view = new DataView(joined.buffer);
  let at = 0;
  for (const string of strings) {
    view.setUint32(at, string.byteLength, true);
    joined.set(string, at + LENGTH_SIZE);
    at += LENGTH_SIZE + string.byteLength;
  }
  return joined;
}

/**
 * The whole byte strings at the beginning of `bytes`, as views. Who does not know that the bytes are in order compares
 * their {@link byteStringsSize} with what there is.
 *
 * @param most no more of them: four bytes are enough for one, and a view takes more memory than that
 */
export function splitByteStrings(bytes: Uint8Array, most: number = Number.POSITIVE_INFINITY): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const strings: Uint8Array[] = [];
  let at = 0;
  while (strings.length < most && bytes.byteLength - at >= LENGTH_SIZE) {
    const end = at + LENGTH_SIZE + view.getUint32(at, true);
    if (end > bytes.byteLength) break;
    strings.push(bytes.subarray(at + LENGTH_SIZE, end));
    at = end;
  }
  return strings;
}
