import { protocolFault } from "../errors.ts";
import type { Outbox } from "../frames/outbox.ts";
import { writeBlock } from "../frames/write-frames.ts";
import { DATA, DEFAULT_FRAME_SIZE, DEFAULT_WINDOW_SIZE, END_STREAM, LARGEST_WINDOW } from "../protocol.ts";
import type { SendQueue } from "./send-queue.ts";

/** A stream as far as it sends. */
export interface SendingStream {
  readonly id: number;
  readonly queue: SendQueue;
  /** Bytes that the other side takes. */
  window: number;
  /** Nothing follows what is in the queue. */
  readonly ending: boolean;
  /** A header block that stands after all data, and is the end. */
  readonly trailers?: Uint8Array | undefined;
  /** Some of the queue has gone; with END_STREAM, if all was said. */
  sent(withEnd: boolean): void;
}

/** The other side may allow frames of 16 MiB: with this size, streams take turns. */
const LONGEST_DATA = 256 * 1024;

/** Shares the connection's window and socket among streams that have something to send. */
export class Sender {
  maxFrameSize: number = DEFAULT_FRAME_SIZE;
  /** What each stream begins with. */
  initialWindow: number = DEFAULT_WINDOW_SIZE;
  private window: number = DEFAULT_WINDOW_SIZE;
  private readonly outbox: Outbox;
  private readonly waiting = new Set<SendingStream>();

  constructor(outbox: Outbox) {
    this.outbox = outbox;
  }

  get isIdle(): boolean {
    return this.waiting.size === 0;
  }

  /** The stream has something new to send. */
  add(stream: SendingStream): void {
    this.waiting.add(stream);
  }

  remove(stream: SendingStream): void {
    this.waiting.delete(stream);
  }

  /** The other side takes more. @throws `http2-protocol` */
  widen(bytes: number): void {
    this.window += bytes;
    if (this.window > LARGEST_WINDOW)
      throw protocolFault("FLOW_CONTROL_ERROR", "the connection's window is past 2^31 - 1");
  }

  /** The other side allows each stream more, or less, than it did. @throws `http2-protocol` */
  resizeWindows(size: number, streams: Iterable<SendingStream>): void {
    for (const stream of streams) {
      stream.window += size - this.initialWindow;
      if (stream.window > LARGEST_WINDOW)
        throw protocolFault("FLOW_CONTROL_ERROR", `the window of stream ${stream.id} is past 2^31 - 1`);
      if (stream.queue.size > 0) this.waiting.add(stream);
    }
    this.initialWindow = size;
  }

  /** Puts as much into the outbox as windows and socket allow, a frame of each stream in turn. */
  pump(): void {
    const { waiting, outbox } = this;
    for (const stream of waiting) {
      if (outbox.isCongested) return;
      waiting.delete(stream);
      const { queue } = stream;
      // A window may be less than nothing: the peer can take back what it gave.
      const allowed = Math.max(0, Math.min(stream.window, this.window));
      const size = Math.min(queue.size, this.maxFrameSize, LONGEST_DATA, allowed);
      if (queue.size > 0 && size === 0) {
        // It waits for a window: its own, or everybody's.
        if (stream.window <= 0) continue;
        waiting.add(stream);
        return;
      }
      const last = stream.ending && size === queue.size;
      if (size === 0 && !last) continue;
      const trailers = last ? stream.trailers : undefined;
      if (size > 0 || trailers === undefined) {
        outbox.head(DATA, last && trailers === undefined ? END_STREAM : 0, stream.id, size);
        queue.moveTo(outbox, size);
        stream.window -= size;
        this.window -= size;
      }
      if (trailers !== undefined) writeBlock(outbox, stream.id, trailers, this.maxFrameSize, END_STREAM);
      if (queue.size > 0) waiting.add(stream);
      // Whoever is told may add more.
      stream.sent(last);
    }
  }
}
