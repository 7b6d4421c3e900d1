import { encodeFields, type RequestListener, type ServerStream } from "@strainflow/http2";
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

const HEADERS = [
  [":status", "200"],
  ["content-type", "application/grpc+proto"],
  ["grpc-accept-encoding", ENCODINGS],
] as const;

/* What nearly all calls begin and end with. */
const HEAD = encodeFields(HEADERS);
const OK = encodeFields([["grpc-status", "0"]]);

/** A call on its HTTP/2 stream: messages in and out, its deadline, and the status that ends it, once. */
export class Call implements RequestListener {
  readonly #stream: ServerStream;
  readonly #reader: MessageReader;
  readonly #maxSize: number;
  readonly #encoding: string;
  #handler: CallHandler | undefined;
  #deadline: NodeJS.Timeout | undefined;
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
  constructor(stream: ServerStream, headers: CallHeaders, maxSize: number) {
    this.#stream = stream;
    this.#maxSize = maxSize;
    this.#reader = new MessageReader(maxSize);
    this.#encoding = headers.encoding ?? "identity";
    if (headers.timeout !== undefined) this.#setDeadline(headers.timeout);
  }

  /** Lets the handler have what comes. */
  start(handler: CallHandler): void {
    if (!this.#over) this.#handler = handler;
  }

  // What the stream brings.

  data(bytes: Buffer): void {
    if (this.#over) return;
    this.#reader.push(bytes);
    this.#pump();
  }

  ended(): void {
    this.#ended = true;
    this.#pump();
  }

  drained(): void {
    if (!this.#over) this.#handler?.drained?.();
  }

  lost(): void {
    if (this.#close()) this.#handler?.lost();
  }

  // What the handler asks for.

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
    if (this.#over) return true;
    const stream = this.#stream;
    if (stream.isSilent) stream.respond(HEAD);
    return stream.write(frame);
  }

  /** Sends the only message, as `send` does, and ends the call with OK. */
  answer(frame: Buffer): void {
    if (!this.#close()) return;
    const stream = this.#stream;
    stream.respond(HEAD);
    stream.write(frame);
    stream.end(OK);
  }

  /** Ends the call: with OK, if no other status is given. */
  finish(status?: CallStatus): void {
    if (!this.#close()) return;
    const stream = this.#stream;
    const said =
      status === undefined
        ? ([["grpc-status", "0"]] as const)
        : ([
            ["grpc-status", String(STATUS[status.code])],
            ["grpc-message", percentEncoded(status.details)],
          ] as const);
    if (stream.isSilent) stream.respond(encodeFields([...HEADERS, ...said]), true);
    else stream.end(status === undefined ? OK : encodeFields(said));
  }

  /** Whether this is the first end. */
  #close(): boolean {
    if (this.#over) return false;
    this.#over = true;
    if (this.#deadline !== undefined) clearTimeout(this.#deadline);
    return true;
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
