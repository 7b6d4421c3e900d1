import { isStrainflowError } from "@strainflow/series";
import { codeOf } from "../errors.ts";
import { Sender } from "../flow/sender.ts";
import type { ByteSocket } from "../frames/byte-socket.ts";
import { FrameReader } from "../frames/frame-reader.ts";
import { Outbox } from "../frames/outbox.ts";
import * as write from "../frames/write-frames.ts";
import { NO_TABLE } from "../hpack/encoder.ts";
import * as h2 from "../protocol.ts";
import {
  CONNECTION_WINDOW_SIZE,
  FRAME_SIZE,
  HEADER_LIST_SIZE,
  MAX_STREAMS,
  MOST_BACKLOG,
  WINDOW_SIZE,
} from "./allowances.ts";
import { PrefaceReader } from "./preface.ts";
import type { Http2Request, SaidRequest } from "./request.ts";
import { RequestTable } from "./request-table.ts";
import { type Reached, ServerIncoming } from "./server-incoming.ts";
import { type RequestListener, RequestStream, type ServerStream, type StreamHost } from "./server-stream.ts";

/** Who is told of a connection's life. */
export interface ServerConnectionListener {
  /** The client speaks HTTP/2. */
  ready(): void;
  /** @returns who hears what it brings; nobody does where there is none */
  request(request: Http2Request, stream: ServerStream): RequestListener | undefined;
  /** Of what was written, a piece that nobody looks at any more. */
  released?(piece: Uint8Array): void;
}

const { NO_ERROR } = h2.ERROR_CODES;

/** A client that does not close, after it was told to or that it is over, is left after that time. */
const GOODBYE_MS = 1000;

/** What we ask before we go away for good: what the client had sent until it heard of it has come when it answers. */
const LAST_PING: Buffer = Buffer.from("goodbye!", "latin1");

const SETTINGS = [
  [h2.MAX_CONCURRENT_STREAMS, MAX_STREAMS],
  [h2.INITIAL_WINDOW_SIZE, WINDOW_SIZE],
  [h2.MAX_FRAME_SIZE, FRAME_SIZE],
  [h2.MAX_HEADER_LIST_SIZE, HEADER_LIST_SIZE],
] as const;

/** The server's side of a connection. */
export class ServerConnection implements StreamHost, Reached {
  readonly socket: ByteSocket;
  readonly outbox: Outbox;
  readonly sender: Sender;
  readonly streams: RequestTable = new RequestTable();
  /** Bytes of all streams that listeners do not take. */
  held = 0;
  private readonly listener: ServerConnectionListener;
  private readonly preface = new PrefaceReader();
  private readonly incoming: ServerIncoming;
  private readonly reader: FrameReader;
  private readonly holding = new Set<RequestStream>();
  private backlog = 0;
  private hasSaidNoTable = false;
  private isReady = false;
  private isDraining = false;
  private isLeaving = false;
  private isClosed = false;
  private flushIsDue = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(socket: ByteSocket, listener: ServerConnectionListener) {
    this.socket = socket;
    this.listener = listener;
    this.outbox = new Outbox(socket, listener.released?.bind(listener));
    this.sender = new Sender(this.outbox);
    this.incoming = new ServerIncoming(this);
    this.reader = new FrameReader(this.incoming, FRAME_SIZE, HEADER_LIST_SIZE);
    socket.on("drain", () => this.flush());
    socket.on("error", () => this.lose());
    socket.on("end", () => this.lose());
    socket.on("close", () => this.lose());
    write.writeAllowances(this.outbox, SETTINGS, CONNECTION_WINDOW_SIZE);
    this.outbox.flush();
  }

  /** Bytes from the socket, which may be kept. */
  read(chunk: Buffer): void {
    if (this.isClosed) return;
    try {
      const frames = this.preface.take(chunk);
      if (frames !== undefined) this.reader.push(frames);
    } catch (error) {
      this.close(codeOf(error));
      // A listener's own error is not ours to keep.
      if (!isStrainflowError(error, "http2-protocol")) throw error;
    }
    if (!this.outbox.isEmpty || !this.sender.isIdle) this.flushSoon();
  }

  /** Takes no new streams, but for those that are under way, and closes when all have ended. */
  drain(): void {
    if (this.isClosed || this.isDraining) return;
    this.isDraining = true;
    if (!this.isReady) return this.close(NO_ERROR);
    write.writeGoaway(this.outbox, h2.LARGEST_STREAM_ID, NO_ERROR);
    write.writePing(this.outbox, LAST_PING);
    this.timer = setTimeout(() => this.leave(), GOODBYE_MS).unref();
    this.flushSoon();
  }

  /** Closes at once. */
  cut(): void {
    if (!this.isClosed) this.sayGoodbye(NO_ERROR);
    this.lose();
    this.socket.destroy();
  }

  // What a stream asks for.

  get isBacklogged(): boolean {
    return this.backlog >= MOST_BACKLOG;
  }

  respond(stream: RequestStream, fields: Uint8Array, last: boolean): void {
    const block = this.hasSaidNoTable ? fields : Buffer.concat([NO_TABLE, fields]);
    this.hasSaidNoTable = true;
    write.writeBlock(this.outbox, stream.id, block, this.sender.maxFrameSize, last ? h2.END_STREAM : 0);
    this.flushSoon();
  }

  changed(stream: RequestStream): void {
    this.sender.add(stream);
    this.flushSoon();
  }

  waits(bytes: number): void {
    this.backlog += bytes;
  }

  holds(stream: RequestStream, bytes: number): void {
    this.held += bytes;
    if (bytes >= 0) this.holding.add(stream);
    else {
      this.incoming.widen(stream);
      this.incoming.widenConnection();
      this.flushSoon();
    }
  }

  resetBy(stream: RequestStream, code: number): void {
    this.streams.trailing.note(stream.id);
    write.writeReset(this.outbox, stream.id, code);
    this.forget(stream);
    this.flushSoon();
  }

  answered(stream: RequestStream): void {
    stream.leave();
    // Nothing that the client has still to say would change the answer.
    if (!stream.hasHeardAll) this.resetBy(stream, NO_ERROR);
    else this.forget(stream);
  }

  // What the client's frames come to.

  ready(): void {
    this.isReady = true;
    this.listener.ready();
  }

  begin(id: number, request: SaidRequest, isWhole: boolean): RequestStream {
    const stream = new RequestStream(this, id, this.sender.initialWindow, request.announced);
    stream.hasHeardAll = isWhole;
    this.streams.open.set(id, stream);
    stream.listen(this.listener.request(request, stream));
    return stream;
  }

  pinged(payload: Buffer): void {
    if (this.isDraining && payload.equals(LAST_PING)) this.leave();
  }

  clientLeaves(): void {
    this.isLeaving = true;
    this.rest();
  }

  forget(stream: RequestStream): void {
    this.streams.open.delete(stream.id);
    this.sender.remove(stream);
    this.holding.delete(stream);
    this.rest();
  }

  /** Looks at no more streams than there are. */
  private leave(): void {
    clearTimeout(this.timer);
    if (this.isClosed || this.streams.lastServed < Number.POSITIVE_INFINITY) return;
    this.streams.lastServed = this.streams.lastId;
    this.isLeaving = true;
    write.writeGoaway(this.outbox, this.streams.lastId, NO_ERROR);
    this.flushSoon();
    this.rest();
  }

  private rest(): void {
    // Not at once: what ends the last stream is written after this.
    if (this.isLeaving && this.streams.open.size === 0) this.flushSoon();
  }

  /** All that is said in one turn of the event loop goes out in one write at its end. */
  private flushSoon(): void {
    if (this.flushIsDue || this.isClosed) return;
    this.flushIsDue = true;
    setImmediate(() => {
      this.flushIsDue = false;
      this.flush();
    });
  }

  private flush(): void {
    if (this.isClosed) return;
    const wasBacklogged = this.isBacklogged;
    this.sender.pump();
    this.outbox.flush();
    if (wasBacklogged && !this.isBacklogged) for (const stream of [...this.holding]) stream.give();
    if (this.isLeaving && this.streams.open.size === 0) this.close(NO_ERROR);
  }

  private close(code: number): void {
    if (this.isClosed) return;
    this.sayGoodbye(code);
    this.socket.end();
    this.lose();
    // What the client still sends is read, and thrown away: else the system would take back what it has not read yet.
    this.timer = setTimeout(() => this.socket.destroy(), GOODBYE_MS).unref();
    this.socket.on("close", () => clearTimeout(this.timer));
  }

  private sayGoodbye(code: number): void {
    const isSaid = code === NO_ERROR && this.streams.lastServed < Number.POSITIVE_INFINITY;
    if (!isSaid) write.writeGoaway(this.outbox, this.streams.lastId, code);
    this.outbox.flush();
  }

  /** Nobody is there any more. */
  private lose(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.streams.lastServed = this.streams.lastId;
    clearTimeout(this.timer);
    for (const stream of [...this.streams.open.values()]) stream.lose();
    this.streams.open.clear();
  }
}
