import { Pieces } from "../flow/pieces.ts";
import { ReceiveWindow } from "../flow/receive-window.ts";
import { SendQueue } from "../flow/send-queue.ts";
import type { SendingStream } from "../flow/sender.ts";
import { ERROR_CODES } from "../protocol.ts";
import { CONGESTED_SIZE, WINDOW_SIZE } from "./allowances.ts";

/** Who is told what a request brings. After `lost` there is nothing more. */
export interface RequestListener {
  /** Bytes. They may be kept, and keep all that was read along with them. */
  data(bytes: Buffer): void;
  /** The client has said all. */
  ended(): void;
  /** More can be written, after `write` said `false`. */
  drained(): void;
  /** The client gave it up, or is gone, before all was answered: nobody reads what is still written. */
  lost(): void;
}

/** A request's stream, as the one who answers has it. What is said after its end is left unsaid. */
export interface ServerStream {
  /** Whether nothing was said yet. */
  readonly isSilent: boolean;
  /** Begins the answer. @param fields as `encodeFields` gives them @param last that it is all there is of it */
  respond(fields: Uint8Array, last?: boolean): void;
  /**
   * Sends bytes, from where they lie: they must not change.
   *
   * @returns `false`: better wait for `drained` before the next ones
   */
  write(bytes: Uint8Array): boolean;
  /**
   * Ends the answer, with trailers if there are some. Whatever the client still wants to say is not heard.
   */
  end(trailers?: Uint8Array): void;
  /** Gives the stream up; nothing more is told of it. @param code HTTP/2's; default 8, CANCEL */
  reset(code?: number): void;
  /** Gives nothing more to the listener until `resume`. The client may send as much as windows allow. */
  pause(): void;
  resume(): void;
}

/** What a stream needs of its connection. */
export interface StreamHost {
  /** Clients do not take what they are answered: nothing new is to be begun. */
  readonly isBacklogged: boolean;
  respond(stream: RequestStream, fields: Uint8Array, last: boolean): void;
  /** There is something to send. */
  changed(stream: RequestStream): void;
  /** So many bytes more, or less, wait to be sent. */
  waits(bytes: number): void;
  /** So many bytes more, or less, wait to be given to the listener. */
  holds(stream: RequestStream, bytes: number): void;
  resetBy(stream: RequestStream, code: number): void;
  /** This side has said all. */
  answered(stream: RequestStream): void;
}

/** A stream, as its connection has it. */
export class RequestStream implements ServerStream, SendingStream {
  readonly id: number;
  window: number;
  ending = false;
  trailers: Uint8Array | undefined;
  readonly queue: SendQueue = new SendQueue();
  readonly received: ReceiveWindow = new ReceiveWindow(WINDOW_SIZE);
  isSilent = true;
  /** The client has said all; some of it may be held still. */
  hasHeardAll = false;
  private readonly host: StreamHost;
  private listener: RequestListener | undefined;
  private held: Pieces | undefined;
  private paused = false;
  private giving = false;
  private endIsDue = false;
  private congested = false;
  private gone = false;
  private waiting = 0;
  /** Bytes that the request said it has, less those that came. */
  private due: number | undefined;

  constructor(host: StreamHost, id: number, window: number, announced: number | undefined) {
    this.host = host;
    this.id = id;
    this.window = window;
    this.due = announced;
  }

  listen(listener: RequestListener | undefined): void {
    if (!this.gone) this.listener = listener;
  }

  respond(fields: Uint8Array, last = false): void {
    if (this.gone || this.ending || !this.isSilent) return;
    this.isSilent = false;
    if (last) this.ending = true;
    this.host.respond(this, fields, last);
    if (last) this.host.answered(this);
  }

  write(bytes: Uint8Array): boolean {
    if (this.gone || this.ending) return true;
    this.queue.push(bytes);
    this.count();
    this.host.changed(this);
    this.congested = this.queue.size >= CONGESTED_SIZE;
    return !this.congested;
  }

  end(trailers?: Uint8Array): void {
    if (this.gone || this.ending) return;
    this.ending = true;
    this.trailers = trailers;
    this.host.changed(this);
  }

  reset(code: number = ERROR_CODES.CANCEL): void {
    if (this.gone) return;
    this.leave();
    this.host.resetBy(this, code);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.give();
  }

  sent(withEnd: boolean): void {
    this.count();
    if (withEnd) this.host.answered(this);
    else if (this.congested && this.queue.size < CONGESTED_SIZE) {
      this.congested = false;
      this.listener?.drained();
    }
  }

  /** @returns what is wrong with it, where something is */
  takeData(bytes: Buffer): string | undefined {
    if (this.due !== undefined) this.due -= bytes.length;
    if (this.gone || this.listener === undefined) return undefined;
    if (this.isHeld || this.held !== undefined) {
      this.held ??= new Pieces();
      this.held.add(bytes);
      this.host.holds(this, bytes.length);
    } else this.listener.data(bytes);
    return undefined;
  }

  /** @returns what is wrong with it, where something is */
  takeEnd(): string | undefined {
    if (this.due !== undefined && this.due !== 0) return "content-length is not the size of the content";
    this.hasHeardAll = true;
    if (this.gone) return undefined;
    this.endIsDue = true;
    this.give();
    if (this.endIsDue) this.host.holds(this, 0);
    return undefined;
  }

  /** Gives the listener what was held, as far as it takes it. */
  give(): void {
    // Who is given something may pause, and resume.
    if (this.giving) return;
    this.giving = true;
    try {
      while (this.held !== undefined && !this.isHeld && !this.gone) this.giveSome(this.held);
    } finally {
      this.giving = false;
    }
    if (this.held !== undefined || this.isHeld || this.gone || !this.endIsDue) return;
    this.endIsDue = false;
    this.listener?.ended();
  }

  get heldSize(): number {
    return this.held?.size ?? 0;
  }

  /** Nobody hears of it any more. */
  lose(): void {
    if (this.gone) return;
    const { listener, ending } = this;
    this.leave();
    if (!ending) listener?.lost();
  }

  /** Neither side says more. */
  leave(): void {
    if (this.gone) return;
    this.gone = true;
    this.listener = undefined;
    this.queue.clear();
    this.count();
    const { heldSize } = this;
    this.held = undefined;
    if (heldSize > 0) this.host.holds(this, -heldSize);
  }

  private get isHeld(): boolean {
    return this.paused || this.host.isBacklogged;
  }

  private giveSome(held: Pieces): void {
    const { size } = held;
    this.held = undefined;
    const parts = held.take();
    let given = 0;
    for (const part of parts) {
      if (this.gone) break;
      if (this.isHeld) {
        this.held ??= held;
        held.add(part);
      } else {
        given += part.length;
        this.listener?.data(part);
      }
    }
    this.host.holds(this, this.gone ? -size : -given);
  }

  private count(): void {
    const now = this.queue.size;
    if (now === this.waiting) return;
    this.host.waits(now - this.waiting);
    this.waiting = now;
  }
}
