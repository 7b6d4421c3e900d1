import { protocolFault } from "../errors.ts";
import { DATA, HEAD_SIZE, PADDED } from "../protocol.ts";

/** Who is told of frames, in their order. What they hold is valid only during the call. */
export interface FrameSink {
  /** A frame begins. @returns whether its payload is of interest. @throws where it must not come now */
  begin(type: number, flags: number, streamId: number, size: number): boolean;
  /** Some of a DATA frame's bytes, without padding. */
  data(streamId: number, bytes: Buffer): void;
  /** A DATA frame is complete. */
  dataEnd(streamId: number, flags: number): void;
  /** Any other frame, complete. */
  frame(type: number, flags: number, streamId: number, payload: Buffer): void;
}

const HEAD = 0;
const PAD_SIZE = 1;
const CONTENT = 2;
const PADDING = 3;
const PAYLOAD = 4;
const UNKNOWN = 5;

/**
 * Cuts what a socket gives into frames. Of DATA, whatever has come is given at once as a view; other frames, which are
 * small, are given whole, and copied only where they came in several pieces.
 */
export class FrameReader {
  private readonly sink: FrameSink;
  private readonly maxFrameSize: number;
  private readonly maxPayloadSize: number;
  private state = HEAD;
  private readonly head: Buffer = Buffer.allocUnsafe(HEAD_SIZE);
  private headSize = 0;
  private type = 0;
  private flags = 0;
  private streamId = 0;
  /** Bytes of the state's part of the frame that are still to come. */
  private left = 0;
  private padding = 0;
  private payload: Buffer = NOTHING;

  /**
   * @param maxFrameSize what the other side was told
   * @param maxPayloadSize of any frame but DATA
   */
  constructor(sink: FrameSink, maxFrameSize: number, maxPayloadSize: number) {
    this.sink = sink;
    this.maxFrameSize = maxFrameSize;
    this.maxPayloadSize = maxPayloadSize;
  }

  /** @throws what the sink throws, and `http2-protocol`: no more is to be read then */
  push(chunk: Buffer): void {
    const end = chunk.length;
    let at = 0;
    while (at < end) {
      switch (this.state) {
        case HEAD:
          if (this.headSize === 0 && end - at >= HEAD_SIZE) {
            this.begin(chunk, at);
            at += HEAD_SIZE;
          } else {
            const copied = chunk.copy(
              this.head,
              this.headSize,
              at,
              Math.min(end, at + HEAD_SIZE - this.headSize),
            );
            at += copied;
            this.headSize += copied;
            if (this.headSize < HEAD_SIZE) return;
            this.headSize = 0;
            this.begin(this.head, 0);
          }
          break;
        case PAD_SIZE:
          this.padding = chunk[at++]!;
          this.left -= 1 + this.padding;
          if (this.left < 0) throw protocolFault("PROTOCOL_ERROR", "a DATA frame is all padding, and more");
          this.state = CONTENT;
          if (this.left === 0) this.contentEnd();
          break;
        case CONTENT: {
          const to = Math.min(end, at + this.left);
          this.left -= to - at;
          const from = at;
          at = to;
          this.sink.data(this.streamId, from === 0 && to === end ? chunk : chunk.subarray(from, to));
          if (this.left === 0) this.contentEnd();
          break;
        }
        case PAYLOAD:
          at = this.collect(chunk, at);
          break;
        default: {
          // PADDING, UNKNOWN
          const skipped = Math.min(end - at, this.left);
          at += skipped;
          this.left -= skipped;
          if (this.left === 0) this.end();
        }
      }
    }
  }

  private begin(bytes: Buffer, at: number): void {
    const size = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
    const type = bytes[at + 3]!;
    const flags = bytes[at + 4]!;
    this.type = type;
    this.flags = flags;
    this.streamId = bytes.readUInt32BE(at + 5) & 0x7fffffff;
    this.left = size;
    this.padding = 0;
    if (size > this.maxFrameSize)
      throw protocolFault("FRAME_SIZE_ERROR", `a frame of ${size} bytes; ${this.maxFrameSize} are allowed`);
    const wanted = this.sink.begin(type, flags, this.streamId, size);
    if (type === DATA) {
      if ((flags & PADDED) !== 0) {
        if (size === 0)
          throw protocolFault("FRAME_SIZE_ERROR", "a padded frame has no room for its padding's size");
        this.state = PAD_SIZE;
      } else if (size === 0) this.end();
      else this.state = CONTENT;
    } else if (!wanted) {
      this.state = UNKNOWN;
      if (size === 0) this.end();
    } else if (size === 0) {
      this.state = HEAD;
      this.sink.frame(type, flags, this.streamId, NOTHING);
    } else {
      if (size > this.maxPayloadSize)
        throw protocolFault("ENHANCE_YOUR_CALM", `a frame of type ${type} with ${size} bytes`);
      this.state = PAYLOAD;
      this.payload = NOTHING;
    }
  }

  /** Takes what there is of a frame's payload, and gives the frame if it is complete. */
  private collect(chunk: Buffer, at: number): number {
    const to = Math.min(chunk.length, at + this.left);
    let whole: Buffer;
    if (this.payload === NOTHING && to - at === this.left) whole = chunk.subarray(at, to);
    else {
      if (this.payload === NOTHING) this.payload = Buffer.allocUnsafe(this.left);
      chunk.copy(this.payload, this.payload.length - this.left, at, to);
      whole = this.payload;
    }
    this.left -= to - at;
    if (this.left === 0) {
      this.state = HEAD;
      this.payload = NOTHING;
      this.sink.frame(this.type, this.flags, this.streamId, whole);
    }
    return to;
  }

  private contentEnd(): void {
    this.left = this.padding;
    this.state = PADDING;
    if (this.left === 0) this.end();
  }

  private end(): void {
    this.state = HEAD;
    if (this.type === DATA) this.sink.dataEnd(this.streamId, this.flags);
  }
}

const NOTHING: Buffer = Buffer.alloc(0);
