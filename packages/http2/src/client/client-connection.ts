import { isStrainflowError } from "@strainflow/series";
import { codeOf, connectionLost } from "../errors.ts";
import { Sender } from "../flow/sender.ts";
import type { ByteSocket } from "../frames/byte-socket.ts";
import { FrameReader } from "../frames/frame-reader.ts";
import { Outbox } from "../frames/outbox.ts";
import * as write from "../frames/write-frames.ts";
import type { Header } from "../headers.ts";
import { encodeHeaders, NO_TABLE } from "../hpack/encoder.ts";
import * as h2 from "../protocol.ts";
import { CONNECTION_WINDOW_SIZE, FRAME_SIZE, HEADER_LIST_SIZE, WINDOW_SIZE } from "./allowances.ts";
import { type ClientStream, OpenStream, type StreamHost, type StreamListener } from "./client-stream.ts";
import { Incoming, type Reached } from "./incoming.ts";
import { checkRequest } from "./request-rules.ts";
import { StreamTable } from "./stream-table.ts";

/** Who is told of a connection's life. */
export interface ConnectionListener {
  /** The other side speaks HTTP/2. */
  ready(): void;
  /** No new streams from now on. */
  leaving(): void;
  closed(error: Error): void;
}

/** The client's side of a connection. */
export class ClientConnection implements StreamHost, Reached {
  readonly receiveWindowSize: number = WINDOW_SIZE;
  readonly socket: ByteSocket;
  private readonly listener: ConnectionListener;
  readonly outbox: Outbox;
  readonly sender: Sender;
  private readonly reader: FrameReader;
  readonly streams: StreamTable = new StreamTable();
  private hasSaidNoTable = false;
  private isReady = false;
  private isLeaving = false;
  isClosed = false;
  /** Frames are being read or written: what is added goes with them. */
  private isBusy = false;
  private flushIsDue = false;

  constructor(socket: ByteSocket, listener: ConnectionListener) {
    this.socket = socket;
    this.listener = listener;
    this.outbox = new Outbox(socket);
    this.sender = new Sender(this.outbox);
    this.reader = new FrameReader(new Incoming(this, CONNECTION_WINDOW_SIZE), FRAME_SIZE, HEADER_LIST_SIZE);
    socket.on("drain", () => this.flush());
    socket.on("error", (error) => this.close(connectionLost(error.message, error)));
    socket.on("end", () => this.close(connectionLost("the peer closed the connection")));
    socket.on("close", () => this.close(connectionLost("the connection was closed")));
    const settings = [
      [h2.ENABLE_PUSH, 0],
      [h2.INITIAL_WINDOW_SIZE, WINDOW_SIZE],
      [h2.MAX_FRAME_SIZE, FRAME_SIZE],
      [h2.MAX_HEADER_LIST_SIZE, HEADER_LIST_SIZE],
    ] as const;
    write.writeGreeting(this.outbox, settings, CONNECTION_WINDOW_SIZE);
    this.outbox.flush();
  }

  get isUsable(): boolean {
    return !this.isLeaving && !this.isClosed;
  }

  request(headers: readonly Header[], listener: StreamListener): ClientStream {
    if (!this.isUsable) throw connectionLost("the connection takes no new streams");
    checkRequest(headers);
    const stream = new OpenStream(this, listener, encodeHeaders(headers));
    // An idle connection does not keep the process alive; a stream does.
    if (this.streams.isEmpty) this.socket.ref();
    this.streams.add(stream);
    this.startStreams();
    return stream;
  }

  /** Takes no new streams, and closes when those that there are have ended. */
  leave(): void {
    if (!this.isUsable) return;
    this.goesAway();
    this.rest();
  }

  destroy(): void {
    this.close(connectionLost("the connection was closed"));
  }

  /** Bytes from the socket. */
  read(chunk: Buffer): void {
    if (this.isClosed) return;
    this.isBusy = true;
    try {
      this.reader.push(chunk);
    } catch (error) {
      this.close(error instanceof Error ? error : new Error(String(error)), codeOf(error));
      // A listener's own error is not ours to keep.
      if (!isStrainflowError(error, "http2-protocol")) throw error;
    } finally {
      this.isBusy = false;
    }
    this.flush();
  }

  // What a stream asks for.

  changed(stream: OpenStream): void {
    if (stream.id === 0) return;
    this.sender.add(stream);
    this.flushSoon();
  }

  resetBy(stream: OpenStream, code: number): void {
    this.streams.remove(stream);
    this.sender.remove(stream);
    if (stream.id !== 0) {
      this.streams.noteReset(stream.id);
      write.writeReset(this.outbox, stream.id, code);
      this.flushSoon();
    }
    this.rest();
  }

  over(stream: OpenStream): void {
    this.streams.remove(stream);
    this.rest();
  }

  // What the other side's frames come to.

  settled(): void {
    this.startStreams();
    if (this.isReady) return;
    this.isReady = true;
    if (this.streams.isEmpty) this.socket.unref();
    this.listener.ready();
  }

  goesAway(): void {
    if (this.isLeaving) return;
    this.isLeaving = true;
    this.listener.leaving();
  }

  /** A stream has ended: another one may begin, or nothing is left to do. */
  rest(): void {
    if (this.isClosed) return;
    this.startStreams();
    if (!this.streams.isEmpty) return;
    if (this.isLeaving) this.close(connectionLost("the connection was closed after its last stream"), 0);
    else this.socket.unref();
  }

  private startStreams(): void {
    for (let stream = this.streams.next(); stream !== undefined; stream = this.streams.next()) {
      stream.window = this.sender.initialWindow;
      const block = this.hasSaidNoTable ? stream.block : Buffer.concat([NO_TABLE, stream.block]);
      this.hasSaidNoTable = true;
      write.writeBlock(this.outbox, stream.id, block, this.sender.maxFrameSize);
      if (stream.queue.size > 0 || stream.ending) this.sender.add(stream);
      this.flushSoon();
    }
    if (this.streams.isSpent) this.leave();
  }

  private flushSoon(): void {
    if (this.isBusy || this.flushIsDue) return;
    this.flushIsDue = true;
    process.nextTick(() => {
      this.flushIsDue = false;
      this.flush();
    });
  }

  private flush(): void {
    if (this.isClosed) return;
    this.isBusy = true;
    try {
      this.sender.pump();
    } finally {
      this.isBusy = false;
      if (!this.isClosed) this.outbox.flush();
    }
  }

  /** @param code what the other side is told, if it is */
  private close(error: Error, code?: number): void {
    if (this.isClosed) return;
    this.isClosed = true;
    if (code === undefined) this.socket.destroy();
    else this.sayGoodbye(code);
    this.goesAway();
    // What waits for its turn has not left this side.
    for (const stream of this.streams.all())
      stream.fail({ reason: stream.id === 0 ? "refused" : "lost", message: error.message });
    this.listener.closed(error);
  }

  private sayGoodbye(code: number): void {
    const { socket } = this;
    write.writeGoaway(this.outbox, 0, code);
    this.outbox.flush();
    socket.destroySoon();
    // A peer that reads nothing any more does not keep us.
    const timer = setTimeout(() => socket.destroy(), GOODBYE_MS);
    timer.unref();
    socket.on("close", () => clearTimeout(timer));
  }
}

const GOODBYE_MS = 1000;
