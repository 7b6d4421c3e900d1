import { HEAD_SIZE } from "../protocol.ts";
import type { ByteSocket } from "./byte-socket.ts";

/** Small bytes are copied into memory of this size, which is written from; less at first, for connections that say little. */
const SEGMENT_SIZE = 64 * 1024;
const FIRST_SEGMENT_SIZE = 1024;

/** From this size on, bytes are sent from where they lie: another part of a write costs less than the copy. */
const BY_REFERENCE_SIZE = 8 * 1024;

/** Bytes that the socket has not taken, at which no more DATA is given to it: what waits here can still be cancelled. */
const CONGESTED_SIZE = 4 * 1024 * 1024;

/** Pieces that are nobody's any more once the socket has taken so many bytes in all. */
interface Underway {
  readonly end: number;
  readonly pieces: readonly Uint8Array[];
}

/** Gathers what is written, until {@link Outbox.flush} makes one write of it. */
export class Outbox {
  private readonly socket: ByteSocket;
  private readonly released: ((piece: Uint8Array) => void) | undefined;
  private segment: Buffer = Buffer.alloc(0);
  private from = 0;
  private to = 0;
  private parts: Uint8Array[] = [];
  private partsSize = 0;
  /** Bytes that the socket was given, ever. */
  private given = 0;
  private gonePieces: Uint8Array[] = [];
  private readonly underway: Underway[] = [];

  /** @param released told of pieces that went (see {@link gone}) when nobody looks at their memory any more */
  constructor(socket: ByteSocket, released?: (piece: Uint8Array) => void) {
    this.socket = socket;
    this.released = released;
  }

  get isEmpty(): boolean {
    return this.from === this.to && this.parts.length === 0;
  }

  /** Bytes that were gathered and that the socket has not taken. */
  get size(): number {
    return this.partsSize + (this.to - this.from) + this.socket.writableLength;
  }

  /** Whether DATA has to wait until the socket has taken what it was given. */
  get isCongested(): boolean {
    return this.size >= CONGESTED_SIZE;
  }

  /** The head of a frame of `size` bytes, which follow by {@link bytes}. */
  head(type: number, flags: number, streamId: number, size: number): void {
    const at = this.reserve(HEAD_SIZE);
    const { segment } = this;
    segment[at] = size >>> 16;
    segment[at + 1] = size >>> 8;
    segment[at + 2] = size;
    segment[at + 3] = type;
    segment[at + 4] = flags;
    segment[at + 5] = streamId >>> 24;
    segment[at + 6] = streamId >>> 16;
    segment[at + 7] = streamId >>> 8;
    segment[at + 8] = streamId;
  }

  bytes(bytes: Uint8Array): void {
    if (bytes.length < BY_REFERENCE_SIZE) {
      const at = this.reserve(bytes.length);
      this.segment.set(bytes, at);
      return;
    }
    this.closeRun();
    this.parts.push(bytes);
    this.partsSize += bytes.length;
  }

  /** All of a piece has been given to {@link bytes}, whole or in parts. */
  gone(piece: Uint8Array): void {
    if (this.released !== undefined) this.gonePieces.push(piece);
  }

  uint32(value: number): void {
    const at = this.reserve(4);
    this.segment.writeUInt32BE(value, at);
  }

  uint16(value: number): void {
    const at = this.reserve(2);
    this.segment.writeUInt16BE(value, at);
  }

  /** Writes all that was gathered, at once. */
  flush(): void {
    const { socket, parts } = this;
    const pieces = this.gonePieces;
    if (pieces.length > 0) this.gonePieces = [];
    const told = pieces.length > 0 ? this.settle : undefined;
    if (parts.length === 0) {
      if (this.from === this.to) return;
      const run = this.segment.subarray(this.from, this.to);
      this.given += run.length;
      this.from = this.to;
      socket.write(run, told);
    } else {
      this.closeRun();
      this.given += this.partsSize;
      this.parts = [];
      this.partsSize = 0;
      socket.cork();
      const last = parts.length - 1;
      for (const [i, part] of parts.entries()) socket.write(part, i === last ? told : undefined);
      socket.uncork();
    }
    if (pieces.length > 0) this.underway.push({ end: this.given, pieces });
    this.settle();
    // What the socket has taken it has copied: the same memory serves again.
    if (socket.writableLength === 0) {
      this.from = 0;
      this.to = 0;
    }
  }

  /** Gives back what the socket has taken. Of a write that failed nobody knows who still holds its memory. */
  private readonly settle = (error?: Error | null): void => {
    const { underway, released } = this;
    if (error != null || released === undefined) return;
    const taken = this.given - this.socket.writableLength;
    while (underway.length > 0 && underway[0]!.end <= taken) underway.shift()!.pieces.forEach(released);
  };

  private reserve(size: number): number {
    if (this.to + size > this.segment.length) {
      this.closeRun();
      const larger = Math.max(FIRST_SEGMENT_SIZE, 4 * this.segment.length, size);
      this.segment = Buffer.allocUnsafeSlow(Math.min(SEGMENT_SIZE, larger));
      this.from = 0;
      this.to = 0;
    }
    const at = this.to;
    this.to += size;
    return at;
  }

  private closeRun(): void {
    if (this.from === this.to) return;
    this.parts.push(this.segment.subarray(this.from, this.to));
    this.partsSize += this.to - this.from;
    this.from = this.to;
  }
}
