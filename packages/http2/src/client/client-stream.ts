import { announcedSize, fieldProblem } from "../field-rules.ts";
import { ReceiveWindow } from "../flow/receive-window.ts";
import { SendQueue } from "../flow/send-queue.ts";
import type { SendingStream } from "../flow/sender.ts";
import type { Header } from "../headers.ts";
import { ERROR_CODES } from "../protocol.ts";
import { responseStatus } from "./response-rules.ts";

/** Why a stream ended before the other side had said all. */
export interface StreamFailure {
  /**
   * - `reset`: by the other side, or by this one because what came was no response;
   * - `refused`: by GOAWAY or REFUSED_STREAM; the other side has not looked at it, so it can be sent again elsewhere;
   * - `lost`: the connection is gone.
   */
  readonly reason: "reset" | "refused" | "lost";
  /** HTTP/2's, where one was said. */
  readonly code?: number;
  readonly message: string;
}

/** Who is told what a stream brings. After `ended` and after `failed` there is nothing more. */
export interface StreamListener {
  /** A header section: the response's, and after all data its trailers. */
  headers(headers: readonly Header[]): void;
  /** Bytes, in memory that is used again: what is to be kept must be copied. */
  data(bytes: Buffer): void;
  /** More can be sent, after `write` said `false`. */
  drain(): void;
  /** The other side has said all. */
  ended(): void;
  failed(failure: StreamFailure): void;
}

/** A stream, as its user has it. */
export interface ClientStream {
  /**
   * Sends bytes, which must not change until they are answered: they go from where they lie.
   *
   * @returns `false`: wait for `drain` before the next ones
   */
  write(parts: readonly Uint8Array[]): boolean;
  /** Says that nothing more comes. */
  end(): void;
  /** Gives the stream up; nothing more is told of it. @param code HTTP/2's; default 8, CANCEL */
  reset(code?: number): void;
}

/** What a stream needs of its connection. */
export interface StreamHost {
  readonly receiveWindowSize: number;
  changed(stream: OpenStream): void;
  resetBy(stream: OpenStream, code: number): void;
  /** Neither side says more. */
  over(stream: OpenStream): void;
}

/** Bytes that wait for windows or the socket, at which `write` says `false`: an update or two of the largest. */
const CONGESTED_SIZE = 1024 * 1024;

const BEFORE = 0;
const BODY = 1;
const AFTER = 2;

/** A stream, as its connection has it. */
export class OpenStream implements ClientStream, SendingStream {
  /** 0: not begun yet. */
  id = 0;
  window = 0;
  ending = false;
  readonly queue: SendQueue = new SendQueue();
  readonly received: ReceiveWindow;
  readonly block: Buffer;
  private readonly host: StreamHost;
  private readonly listener: StreamListener;
  private place = BEFORE;
  private sentAll = false;
  private congested = false;
  private gone = false;
  /** Bytes that the response said it has, less those that came. */
  private due: number | undefined;

  /** @param block its header block, encoded */
  constructor(host: StreamHost, listener: StreamListener, block: Buffer) {
    this.host = host;
    this.listener = listener;
    this.block = block;
    this.received = new ReceiveWindow(host.receiveWindowSize);
  }

  write(parts: readonly Uint8Array[]): boolean {
    if (this.gone || this.ending) return false;
    for (const part of parts) this.queue.push(part);
    this.host.changed(this);
    this.congested = this.queue.size >= CONGESTED_SIZE;
    return !this.congested;
  }

  end(): void {
    if (this.gone || this.ending) return;
    this.ending = true;
    this.host.changed(this);
  }

  reset(code: number = ERROR_CODES.CANCEL): void {
    if (this.gone) return;
    this.leave();
    this.host.resetBy(this, code);
  }

  sent(withEnd: boolean): void {
    if (withEnd) {
      this.sentAll = true;
      this.settle();
    } else if (this.congested && this.queue.size < CONGESTED_SIZE) {
      this.congested = false;
      this.listener.drain();
    }
  }

  /** @returns what is wrong with it, where something is */
  takeHeaders(headers: readonly Header[], last: boolean): string | undefined {
    const problem = fieldProblem(headers);
    if (problem !== undefined) return problem;
    if (this.place === BEFORE) {
      const status = responseStatus(headers);
      if (status === undefined) return "a response without a status, or with two";
      if (status < 200) return last ? "a response ends before it begins" : undefined;
      this.place = BODY;
      this.due = announcedSize(headers);
    } else if (!last || headers.some(([name]) => name.startsWith(":")))
      return "trailers that are not the end, or hold a pseudo-header";
    this.listener.headers(headers);
    return last ? this.takeEnd() : undefined;
  }

  /** @returns what is wrong with it, where something is */
  takeData(bytes: Buffer): string | undefined {
    if (this.gone) return undefined;
    if (this.place === BEFORE) return "data before the response's headers";
    if (this.due !== undefined) this.due -= bytes.length;
    this.listener.data(bytes);
    return undefined;
  }

  takeEnd(): string | undefined {
    if (this.gone) return undefined;
    if (this.place === BEFORE) return "a stream ends before its response's headers";
    if (this.due !== undefined && this.due !== 0) return "content-length is not the size of the content";
    this.place = AFTER;
    const over = this.sentAll;
    // First, so that a listener who gives up on what has ended sends no reset: peers count those, and hang up at a thousand.
    if (over) this.leave();
    this.listener.ended();
    if (over) this.host.over(this);
    return undefined;
  }

  /** The other side has begun to answer. */
  get isBegun(): boolean {
    return this.place !== BEFORE;
  }

  /** The other side has said all, on this stream. */
  get isAnswered(): boolean {
    return this.place === AFTER;
  }

  fail(failure: StreamFailure): void {
    if (this.gone) return;
    this.leave();
    if (this.place !== AFTER) this.listener.failed(failure);
  }

  private settle(): void {
    if (this.gone || !this.sentAll || this.place !== AFTER) return;
    this.leave();
    this.host.over(this);
  }

  private leave(): void {
    this.gone = true;
    this.queue.clear();
  }
}
