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
export function decompressor(
  coding: string | string[] | undefined,
): ((message: Buffer) => Buffer) | undefined {
  if (coding === "gzip") return (message) => gunzipSync(message);
  return coding === "deflate" ? (message) => inflateSync(message) : undefined;
}

/** Puts messages together from the chunks in which they come. */
export interface FrameReader {
  /** Undoes the compression of messages that say they are compressed. */
  decompress: ((message: Buffer) => Buffer) | undefined;
  /** `false` on a message that cannot be decompressed: what follows makes no sense. */
  push(chunk: Buffer): boolean;
  /** Whether a message has begun and not ended. */
  readonly isPartial: boolean;
}

/**
 * A message that lies within one chunk is given as a view of it. Memory is taken for what has come, never for what a
 * length has announced.
 */
export function createFrameReader(onMessage: (message: Buffer) => void): FrameReader {
  let chunks: Buffer[] = [];
  let buffered = 0;
  /** Bytes that `chunks` must hold before there is something to do. */
  let wanted = PREFIX_SIZE;
  let decompress: FrameReader["decompress"];

  function give(flag: number | undefined, message: Buffer): boolean {
    if (flag === 0) {
      onMessage(message);
      return true;
    }
    if (flag !== 1 || decompress === undefined) return false;
    let plain: Buffer;
    try {
      plain = decompress(message);
    } catch {
      return false;
    }
    onMessage(plain);
    return true;
  }

  /** Gives every message that is complete in `bytes`, and keeps the rest. */
  function consume(bytes: Buffer): boolean {
    let at = 0;
    while (bytes.length - at >= PREFIX_SIZE) {
      const flag = bytes[at];
      if (flag !== 0 && decompress === undefined) return false;
      const end = at + PREFIX_SIZE + bytes.readUInt32BE(at + 1);
      if (end > bytes.length) {
        keep(bytes.subarray(at), end - at);
        return true;
      }
      const message = bytes.subarray(at + PREFIX_SIZE, end);
      at = end;
      if (!give(flag, message)) return false;
    }
    keep(bytes.subarray(at), PREFIX_SIZE);
    return true;
  }

  function keep(rest: Buffer, size: number): void {
    chunks = rest.length === 0 ? [] : [rest];
    buffered = rest.length;
    wanted = size;
  }

  return {
    get decompress() {
      return decompress;
    },
    set decompress(next) {
      decompress = next;
    },
    push(chunk) {
      if (buffered === 0) return consume(chunk);
      chunks.push(chunk);
      buffered += chunk.length;
      if (buffered < wanted) return true;
      if (wanted === PREFIX_SIZE) return consume(Buffer.concat(chunks, buffered));
      const excess = buffered - wanted;
      const frame = joinAligned(chunks, wanted);
      keep(NOTHING, PREFIX_SIZE);
      if (!give(frame[0], frame.subarray(PREFIX_SIZE))) return false;
      return excess === 0 || consume(chunk.subarray(chunk.length - excess));
    },
    get isPartial() {
      return buffered > 0;
    },
  };
}

const NOTHING = Buffer.alloc(0);

/**
 * The first `size` bytes of some chunks, so placed that they end at a multiple of eight: the last tensor of a response
 * ends there too, begins at one therefore, and can be given as a view.
 */
function joinAligned(chunks: readonly Buffer[], size: number): Buffer {
  const padding = (8 - (size % 8)) % 8;
  const target = Buffer.allocUnsafeSlow(padding + size);
  let at = padding;
  for (const chunk of chunks) at += chunk.copy(target, at, 0, Math.min(chunk.length, target.length - at));
  return target.subarray(padding);
}
