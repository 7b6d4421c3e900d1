import type { Core } from "../core.ts";
import type { Pending } from "../models/model.ts";
import { Refusal } from "../refusal.ts";
import { encodeStreamError } from "../requests/encode-response.ts";
import { SequenceOwner } from "../sequences/sequence-owner.ts";
import type { Call, CallHandler } from "./call.ts";

interface Due {
  /** Bytes of request and, once there, response that the stream holds for it. */
  size: number;
  /** What is to be written in its turn, once it is there. */
  response: Buffer | undefined;
  pending: Pending | undefined;
}

export interface StreamLimits {
  /** Requests without an answer on one stream; more are not read until some are answered. */
  readonly maxInFlight: number;
  /** Bytes of requests and of answers not yet taken by the client. */
  readonly maxBytes: number;
}

/**
 * One `ModelStreamInfer` call: answers go out in the order of the requests, whatever the order in which they become
 * ready; a refused request is answered like any other, and the stream goes on. Responses of decoupled models go out as
 * they come, and keep nobody waiting.
 */
export class OrderedStream implements CallHandler {
  readonly #core: Core;
  readonly #call: Call;
  readonly #limits: StreamLimits;
  /** In order of arrival. */
  readonly #due: Due[] = [];
  /** Of decoupled models: under way, and responses that wait until the client reads on. */
  readonly #unordered = new Set<Due>();
  readonly #ready: Buffer[] = [];
  readonly #owner = new SequenceOwner();
  #bytes = 0;
  #blocked = false;
  #paused = false;
  #ended = false;
  #over = false;

  constructor(core: Core, call: Call, limits: StreamLimits) {
    this.#core = core;
    this.#call = call;
    this.#limits = limits;
  }

  message(message: Buffer): void {
    const entry: Due = { size: message.byteLength, response: undefined, pending: undefined };
    this.#bytes += entry.size;
    const pending = this.#core.infer(
      message,
      "streamed",
      ({ id, outcome }) => {
        if (this.#over) return;
        this.#finish(entry, outcome instanceof Refusal ? encodeStreamError(id, outcome.message) : outcome);
      },
      (response) => {
        if (this.#over) return;
        this.#push(response);
        this.#flush();
      },
      this.#owner,
    );
    entry.pending = pending;
    if (pending.unordered === true) this.#unordered.add(entry);
    else this.#due.push(entry);
    this.#flow();
  }

  drained(): void {
    this.#blocked = false;
    this.#flush();
  }

  /** No more requests; a client that cancels says this too, and in the same breath that it cancels. */
  end(): void {
    setImmediate(() => {
      this.#ended = true;
      this.#flush();
    });
  }

  lost(): void {
    if (this.#over) return;
    this.#over = true;
    for (const { pending, response } of [...this.#due, ...this.#unordered])
      if (response === undefined) pending?.abandon();
    this.#due.length = 0;
    this.#ready.length = 0;
    this.#unordered.clear();
    this.#owner.lose();
  }

  #finish(entry: Due, response: Buffer | undefined): void {
    if (this.#unordered.delete(entry)) {
      this.#bytes -= entry.size;
      if (response !== undefined) this.#push(response);
    } else if (response !== undefined) {
      this.#bytes += response.byteLength - entry.size;
      entry.size = response.byteLength;
      entry.response = response;
    }
    this.#flush();
  }

  #push(response: Buffer): void {
    this.#ready.push(response);
    this.#bytes += response.byteLength;
  }

  #flush(): void {
    while (!this.#blocked && !this.#over) {
      const response = this.#next();
      if (response === undefined) break;
      this.#bytes -= response.byteLength;
      this.#blocked = !this.#call.send(response);
    }
    const idle = this.#due.length === 0 && this.#unordered.size === 0 && this.#ready.length === 0;
    if (this.#ended && idle && !this.#over) {
      this.#over = true;
      this.#call.finish();
    }
    this.#flow();
  }

  #next(): Buffer | undefined {
    const ready = this.#ready.shift();
    if (ready !== undefined) return ready;
    const response = this.#due[0]?.response;
    if (response !== undefined) this.#due.shift();
    return response;
  }

  #flow(): void {
    const { maxInFlight, maxBytes } = this.#limits;
    const full = this.#due.length + this.#unordered.size >= maxInFlight || this.#bytes >= maxBytes;
    if (full === this.#paused || this.#over) return;
    this.#paused = full;
    if (full) this.#call.pause();
    else this.#call.resume();
  }
}
