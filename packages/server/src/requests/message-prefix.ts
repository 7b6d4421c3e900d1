/** What stands before each message of gRPC: a flag (1: compressed), and a big-endian length of four bytes. */
export const PREFIX_SIZE = 5;

/** Writes the prefix of an uncompressed message of so many bytes. */
export function writePrefix(into: Uint8Array, size: number): void {
  into[0] = 0;
  into[1] = size >>> 24;
  into[2] = size >>> 16;
  into[3] = size >>> 8;
  into[4] = size;
}

/** A message with its prefix. */
export function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_SIZE + message.byteLength);
  writePrefix(frame, message.byteLength);
  frame.set(message, PREFIX_SIZE);
  return frame;
}
