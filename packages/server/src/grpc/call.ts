import type { OutgoingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { FRAMES } from "../requests/frame-pool.ts";
import { parseTimeout } from "./deadline.ts";
import { decompress, ENCODINGS } from "./decompress.ts";
import { MessageReader, MessageTooLarge } from "./message-reader.ts";
import { type CallStatus, percentEncoded, STATUS, statusOf } from "./status.ts";

/** What answers a call. */
export interface CallHandler {
  message(message: Buffer): void;
  /** No more messages will come. */
  end(): void;
  /** The client is gone, or its time is over: whatever is still sent, nobody reads. Not told once the call is finished. */
  lost(): void;
  /** What was sent has gone out, after `send` said to wait. */
  drained?(): void;
}

/** Headers of a call that matter here. */
export interface CallHeaders {
  readonly timeout: string | undefined;
  readonly encoding: string | undefined;
}

const CONTENT_TYPE = "application/grpc+proto";
const HEAD: OutgoingHttpHeaders = {
  ":status": 200,
  "content-type": CONTENT_TYPE,
  "grpc-accept-encoding": ENCODINGS,
};
/** Node adds a date otherwise, of which gRPC knows nothing. */
const NO_DATE = { sendDate: false };
const HEAD_OPTIONS = { waitForTrailers: true, ...NO_DATE };
const END_OPTIONS = { endStream: true, ...NO_DATE };
const OK_TRAILERS: OutgoingHttpHeaders = { "grpc-status": 0 };

/** Bytes that wait to go out before `send` asks to wait. Node's own 16 KiB would let one answer at a time out. */
const CONGESTED_SIZE = 2 ** 20;

/** A call on its HTTP/2 stream: messages in and out, its deadline, and the status that ends it, once. */
export class Call {
  readonly #stream: ServerHttp2Stream;
  readonly #reader: MessageReader;
  readonly #maxSize: number;
  readonly #encoding: string;
  #handler: CallHandler | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #trailers: OutgoingHttpHeaders = OK_TRAILERS;
  /** The handler asked for a pause. */
  #paused = false;
  /** A compressed message is being unpacked: those behind it wait. */
  #unpacking = false;
  #unpacked: Buffer | undefined;
  #pumping = false;
  #stopped = false;
  #ended = false;
  #over = false;

  /** `maxSize`: of a message, in bytes; −1 for any. */
  constructor(stream: ServerHttp2Stream, headers: CallHeaders, maxSize: number) {
    this.#stream = stream;
    this.#maxSize = maxSize;
    this.#reader = new MessageReader(maxSize);
    this.#encoding = headers.encoding ?? "identity";
    const lost = (): void => this.#lose();
    stream.on("aborted", lost);
    stream.on("close", lost);
    if (headers.timeout !== undefined) this.#setDeadline(headers.timeout);
  }

  /** Lets the handler have what comes. */
  start(handler: CallHandler): void {
    if (this.#over) return;
    this.#handler = handler;
    const stream = this.#stream;
    stream.on("data", (chunk: Buffer) => {
      if (this.#over) return;
      this.#reader.push(chunk);
      this.#pump();
    });
    stream.on("end", () => {
      this.#ended = true;
      this.#pump();
    });
    if (handler.drained === undefined) return;
    stream.on("drain", () => {
      if (!this.#over) handler.drained?.();
    });
  }

  /** Takes no messages until `resume`. */
  pause(): void {
    this.#paused = true;
    this.#flow();
  }

  resume(): void {
    this.#paused = false;
    this.#flow();
    this.#pump();
  }

  /** Sends a message, which has its prefix, and is not the caller's any more. `false`: better wait for `drained`. */
  send(frame: Buffer): boolean {
    const stream = this.#stream;
    if (this.#over || !this.#open()) return true;
    if (!stream.headersSent) this.#begin();
    const goesOn = stream.write(frame, (error) => {
      // Of a write that failed nobody knows who still holds its memory.
      if (error == null) FRAMES.giveBack(frame);
    });
    return goesOn || stream.writableLength < CONGESTED_SIZE;
  }

  /** Sends the only message, as `send` does, and ends the call with OK. */
  answer(frame: Buffer): void {
    if (!this.#close()) return;
    this.#begin();
    this.#stream.write(frame, (error) => {
      if (error == null) FRAMES.giveBack(frame);
    });
    this.#stream.end();
  }

  /** Ends the call: with OK, if no other status is given. */
  finish(status?: CallStatus): void {
    if (!this.#close()) return;
    const stream = this.#stream;
    const trailers =
      status === undefined
        ? OK_TRAILERS
        : { "grpc-status": STATUS[status.code], "grpc-message": percentEncoded(status.details) };
    if (stream.headersSent) {
      this.#trailers = trailers;
      stream.end();
    } else {
      stream.respond(
        { ":status": 200, "content-type": CONTENT_TYPE, "grpc-accept-encoding": ENCODINGS, ...trailers },
        END_OPTIONS,
      );
    }
    // What the client still sends is let through, and thrown away.
    stream.resume();
  }

  #begin(): void {
    const stream = this.#stream;
    stream.respond(HEAD, HEAD_OPTIONS);
    stream.on("wantTrailers", () => {
      if (this.#open()) stream.sendTrailers(this.#trailers);
    });
  }

  #open(): boolean {
    return !this.#stream.destroyed && !this.#stream.closed;
  }

  /** Whether this is the first end, and there is somebody to tell. */
  #close(): boolean {
    if (this.#over) return false;
    this.#over = true;
    clearTimeout(this.#deadline);
    return this.#open();
  }

  #lose(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#deadline);
    this.#handler?.lost();
  }

  #setDeadline(timeout: string): void {
    const ms = parseTimeout(timeout);
    const end = (status: CallStatus): void => {
      if (this.#over) return;
      this.finish(status);
      this.#handler?.lost();
    };
    if (ms === undefined)
      end({ code: "INTERNAL", details: `Invalid grpc-timeout value "${timeout.slice(0, 100)}"` });
    else if (ms < Number.POSITIVE_INFINITY)
      this.#deadline = setTimeout(() => end({ code: "DEADLINE_EXCEEDED", details: "Deadline exceeded" }), ms);
  }

  #flow(): void {
    const stop = this.#paused || this.#unpacking;
    if (stop === this.#stopped || this.#over) return;
    this.#stopped = stop;
    if (stop) this.#stream.pause();
    else this.#stream.resume();
  }

  /** Gives messages that are there, until it is asked to stop. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (!this.#over && !this.#paused && !this.#unpacking) {
        const unpacked = this.#unpacked;
        const message = unpacked ?? this.#reader.next();
        if (message === undefined) break;
        this.#unpacked = undefined;
        this.#give(message, unpacked === undefined ? this.#reader.flag : 0);
      }
      if (this.#ended && !this.#over && !this.#paused && !this.#unpacking) this.#conclude();
    } catch (error) {
      this.#fail(
        error instanceof MessageTooLarge
          ? { code: "RESOURCE_EXHAUSTED", details: error.message }
          : statusOf(error),
      );
    } finally {
      this.#pumping = false;
    }
  }

  #give(message: Buffer, flag: number): void {
    if (flag === 0) this.#handler?.message(message);
    else if (flag === 1) this.#unpack(message);
    else this.#fail({ code: "INTERNAL", details: `Received a message with the invalid flags ${flag}` });
  }

  #unpack(message: Buffer): void {
    this.#unpacking = true;
    this.#flow();
    decompress(message, this.#encoding, this.#maxSize, (outcome) => {
      this.#unpacking = false;
      if (this.#over) return;
      if (Buffer.isBuffer(outcome)) this.#unpacked = outcome;
      else this.#fail(outcome);
      this.#flow();
      this.#pump();
    });
  }

  /** Messages are over. */
  #conclude(): void {
    this.#ended = false;
    if (this.#reader.partial)
      this.#fail({ code: "INTERNAL", details: "Received a message that ends before its length" });
    else this.#handler?.end();
  }

  /** Ends a call that is not the handler's to end. */
  #fail(status: CallStatus): void {
    if (this.#over) return;
    this.finish(status);
    this.#handler?.lost();
  }
}
