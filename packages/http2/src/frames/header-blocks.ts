import { protocolFault } from "../errors.ts";
import { CONTINUATION, END_HEADERS, END_STREAM, PADDED, WITH_PRIORITY } from "../protocol.ts";

/** A header block, all of it. */
export interface HeaderBlock {
  readonly streamId: number;
  /** The sender says nothing more on this stream. */
  readonly last: boolean;
  readonly bytes: Uint8Array;
}

/** CONTINUATIONs of one block: those that carry nothing add nothing to its size. */
const MAX_CONTINUATIONS = 64;

/** Puts header blocks together from HEADERS and the CONTINUATIONs that follow it. */
export class HeaderBlocks {
  private readonly maxSize: number;
  private streamId = 0;
  private last = false;
  private parts: Buffer[] = [];
  private size = 0;

  constructor(maxSize: number) {
    this.maxSize = maxSize;
  }

  /** A frame begins. @throws `http2-protocol` where only a CONTINUATION may come, or none */
  begin(type: number, streamId: number): void {
    const wanted = this.streamId !== 0;
    if (wanted ? type !== CONTINUATION || streamId !== this.streamId : type === CONTINUATION)
      throw protocolFault(
        "PROTOCOL_ERROR",
        `a frame of type ${type} inside of a header block, or outside of one`,
      );
  }

  /** @returns the block, where it is complete. @throws `http2-protocol` */
  headers(flags: number, streamId: number, payload: Buffer): HeaderBlock | undefined {
    let at = 0;
    let end = payload.length;
    if ((flags & PADDED) !== 0) end -= payload[at++] ?? 0;
    if ((flags & WITH_PRIORITY) !== 0) at += 5;
    if (at > end) throw protocolFault("PROTOCOL_ERROR", "a HEADERS frame is all padding, and more");
    const last = (flags & END_STREAM) !== 0;
    const bytes = payload.subarray(at, end);
    if ((flags & END_HEADERS) !== 0) return { streamId, last, bytes };
    this.streamId = streamId;
    this.last = last;
    this.parts = [];
    this.size = 0;
    this.keep(bytes);
    return undefined;
  }

  /** @returns the block, where it is complete. @throws `http2-protocol` */
  continuation(flags: number, payload: Buffer): HeaderBlock | undefined {
    this.keep(payload);
    if ((flags & END_HEADERS) === 0) return undefined;
    const block = { streamId: this.streamId, last: this.last, bytes: Buffer.concat(this.parts) };
    this.streamId = 0;
    this.parts = [];
    return block;
  }

  private keep(bytes: Buffer): void {
    this.size += bytes.length;
    if (this.size > this.maxSize || this.parts.length > MAX_CONTINUATIONS)
      throw protocolFault(
        "ENHANCE_YOUR_CALM",
        `a header block of more than ${this.maxSize} bytes, or of ${this.parts.length} frames`,
      );
    // A copy: the memory that frames are read into is used again.
    this.parts.push(Buffer.from(bytes));
  }
}
