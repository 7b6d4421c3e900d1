import { deflateSync, gunzipSync, gzipSync, inflateSync } from "node:zlib";

/*
 * Messages inside an HTTP/2 stream: a flag byte (1: compressed), a big-endian length of four bytes, the message.
 * https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */

export const PREFIX_SIZE = 5;

/** A message with its prefix, in parts that are sent one after the other. */
export type FramedMessage = readonly Uint8Array[];

/** Size of a message with its prefix. */
export function framedSize(parts: FramedMessage): number {
  let size = 0;
  for (const part of parts) size += part.length;
  return size;
}

/** A message with its prefix. */
export function framed(message: Uint8Array): FramedMessage {
  const prefix = Buffer.allocUnsafe(PREFIX_SIZE);
  writePrefix(prefix, message.length);
  return [prefix, message];
}

/** A message without its prefix and in one piece: a copy if it lies in several. */
export function unframed(parts: FramedMessage): Buffer {
  const only = parts.length === 1 ? parts[0] : undefined;
  const whole =
    only === undefined ? Buffer.concat(parts) : Buffer.from(only.buffer, only.byteOffset, only.byteLength);
  return whole.subarray(PREFIX_SIZE);
}

/** Writes the prefix of a message of `size` bytes. */
export function writePrefix(target: Buffer, size: number): void {
  target[0] = 0;
  target.writeUInt32BE(size, 1);
}

/** A message compressed, with its prefix. In one go: messages of a stream keep their order. */
export function compressed(parts: FramedMessage, coding: "gzip" | "deflate"): FramedMessage {
  const message = unframed(parts);
  const packed = coding === "gzip" ? gzipSync(message, FAST) : deflateSync(message, FAST);
  const prefix = Buffer.allocUnsafe(PREFIX_SIZE);
  writePrefix(prefix, packed.length);
  prefix[0] = 1;
  return [prefix, packed];
}

/* Floats gain nothing from more effort than the least. */
const FAST = { level: 1 };

/** What undoes a peer's `grpc-encoding`; nothing where it is none that we know. */
export function decompressor(coding: string | undefined): ((message: Buffer) => Buffer) | undefined {
  if (coding === "gzip") return (message) => gunzipSync(message);
  return coding === "deflate" ? (message) => inflateSync(message) : undefined;
}
