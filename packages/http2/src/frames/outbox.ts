import { HEAD_SIZE } from "../protocol.ts";
import type { ByteSocket } from "./byte-socket.ts";

/** Small bytes are copied into memory of this size, which is written from and not used again. */
const SEGMENT_SIZE = 64 * 1024;

/** From this size on, bytes are sent from where they lie: another part of a write costs less than the copy. */
const BY_REFERENCE_SIZE = 8 * 1024;

/** Bytes that the socket has not taken, at which no more DATA is given to it: what waits here can still be cancelled. */
const CONGESTED_SIZE = 4 * 1024 * 1024;

/** Gathers what is written, until {@link Outbox.flush} makes one write of it. */
export class Outbox {
  private readonly socket: ByteSocket;
  private segment: Buffer = Buffer.alloc(0);
  private from = 0;
  private to = 0;
  private parts: Uint8Array[] = [];
  private partsSize = 0;

  constructor(socket: ByteSocket) {
    this.socket = socket;
  }

  get isEmpty(): boolean {
    return this.from === this.to && this.parts.length === 0;
  }

  /** Whether DATA has to wait until the socket has taken what it was given. */
  get isCongested(): boolean {
    return this.partsSize + (this.to - this.from) + this.socket.writableLength >= CONGESTED_SIZE;
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
    if (parts.length === 0) {
      if (this.from === this.to) return;
      const run = this.segment.subarray(this.from, this.to);
      this.from = this.to;
      socket.write(run);
      return;
    }
    this.closeRun();
    this.parts = [];
    this.partsSize = 0;
    socket.cork();
    for (const part of parts) socket.write(part);
    socket.uncork();
  }

  private reserve(size: number): number {
    if (this.to + size > this.segment.length) {
      this.closeRun();
      this.segment = Buffer.allocUnsafeSlow(SEGMENT_SIZE);
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
