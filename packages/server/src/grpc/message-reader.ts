import { Pieces } from "@strainflow/http2";
import { PREFIX_SIZE } from "../requests/message-prefix.ts";

/** A length that is beyond what a server takes. */
export class MessageTooLarge extends Error {}

/**
 * Cuts the chunks of a stream into messages, which are taken one by one: what nobody takes stays as it came. Memory is
 * taken for what has come, never for what a length announces.
 */
export class MessageReader {
  readonly #maxSize: number;
  #chunk: Buffer = NOTHING;
  #at = 0;
  /** Chunks that came while there was more to take from the one before. */
  readonly #later: Buffer[] = [];
  /** Bytes of the prefix that are read. */
  #prefixSize = 0;
  #size = 0;
  /** What there is of a message that lies in several chunks. */
  readonly #pieces = new Pieces();
  /** The flag of the message that was taken last. */
  flag = 0;

  /** `maxSize`: of a message as it came, in bytes; −1 for any. */
  constructor(maxSize: number) {
    this.#maxSize = maxSize === -1 ? Number.POSITIVE_INFINITY : maxSize;
  }

  /** A message has begun and not ended. */
  get partial(): boolean {
    return this.#prefixSize > 0;
  }

  push(chunk: Buffer): void {
    if (this.#at < this.#chunk.byteLength) {
      this.#later.push(chunk);
      return;
    }
    this.#chunk = chunk;
    this.#at = 0;
  }

  /** The next message; `undefined` until more of it has come. @throws MessageTooLarge */
  next(): Buffer | undefined {
    for (;;) {
      const message = this.#fromChunk();
      if (message !== undefined) return message;
      const chunk = this.#later.shift();
      // A chunk that is used up is let go of: a stream may be quiet for hours.
      this.#chunk = chunk ?? NOTHING;
      this.#at = 0;
      if (chunk === undefined) return undefined;
    }
  }

  #fromChunk(): Buffer | undefined {
    const chunk = this.#chunk;
    const end = chunk.byteLength;
    let at = this.#at;
    if (this.#prefixSize < PREFIX_SIZE) {
      if (this.#prefixSize === 0 && end - at >= PREFIX_SIZE) {
        this.flag = chunk[at] ?? 0;
        this.#size = chunk.readUInt32BE(at + 1);
        this.#prefixSize = PREFIX_SIZE;
        at += PREFIX_SIZE;
      } else at = this.#prefixFrom(chunk, at);
      this.#at = at;
      if (this.#prefixSize < PREFIX_SIZE) return undefined;
      if (this.#size > this.#maxSize)
        throw new MessageTooLarge(`Received message larger than max (${this.#size} vs ${this.#maxSize})`);
    }
    const size = this.#size;
    const pieces = this.#pieces;
    const taken = Math.min(size - pieces.size, end - at);
    this.#at = at + taken;
    if (pieces.size === 0 && taken === size) {
      this.#prefixSize = 0;
      return detached(chunk, at, at + size);
    }
    if (taken > 0) pieces.add(chunk.subarray(at, at + taken));
    if (pieces.size < size) return undefined;
    const message = Buffer.concat(pieces.take(), size);
    this.#prefixSize = 0;
    return message;
  }

  /** Reads what there is of a prefix that lies in several chunks. */
  #prefixFrom(chunk: Buffer, from: number): number {
    let at = from;
    for (; this.#prefixSize < PREFIX_SIZE && at < chunk.byteLength; at++) {
      const byte = chunk[at] ?? 0;
      if (this.#prefixSize === 0) {
        this.flag = byte;
        this.#size = 0;
      } else this.#size = this.#size * 256 + byte;
      this.#prefixSize += 1;
    }
    return at;
  }
}

const NOTHING = Buffer.alloc(0);

/**
 * A message that lies within one chunk: a view of it, unless that would keep far more in memory than the message, as
 * long as it waits; HTTP/2's chunks are views of all that a read of the socket brought.
 */
function detached(chunk: Buffer, start: number, end: number): Buffer {
  const view = chunk.subarray(start, end);
  return 2 * view.byteLength >= chunk.buffer.byteLength ? view : Buffer.from(view);
}
