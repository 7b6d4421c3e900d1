import { connect, type Socket } from "node:net";
import type { Pending } from "../models/model.ts";
import { cancelled, Refusal, type StatusCode } from "../refusal.ts";
import type { SequencePlace } from "../scheduling/scheduler.ts";
import type { SequenceOwner } from "../sequences/sequence-owner.ts";
import { type Frame, kinds, readFrames, sendFrame, splitId } from "./frames.ts";
import type { ForwardedRequest } from "./others.ts";

/** How long requests wait for a process that is being started again, in milliseconds. */
const RESTART_MS = 10_000;

interface Call {
  readonly request: ForwardedRequest;
  readonly owner: number;
  /** It has been sent, and may have run. */
  sent: boolean;
}

/** The way to another process: requests of its sequences go there in the order in which they came, over one socket. */
export class SequenceLink {
  readonly #calls = new Map<number, Call>();
  readonly #owners = new WeakMap<SequenceOwner, number>();
  /** A stream that ended in order is not told of; when it is forgotten here, it may be forgotten there. */
  readonly #forgotten = new FinalizationRegistry<number>((owner) => this.#tell(kinds.ended, owner));
  #path: string | undefined;
  #socket: Socket | undefined;
  #connected = false;
  #timer: NodeJS.Timeout | undefined;
  #met: (() => void)[] = [];
  #numbers = 0;

  /** The process listens there now; `undefined`: it is gone, and another will be started in its place. */
  meet(path: string | undefined): void {
    if (path === this.#path) return;
    this.#path = path;
    this.#socket?.destroy();
    this.#lose();
    if (path === undefined) return;
    for (const met of this.#met.splice(0)) met();
    this.#connect(path);
  }

  /** Where the process listens, once it does. @throws Refusal (UNAVAILABLE) if that takes too long */
  async path(): Promise<string> {
    if (this.#path === undefined) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#met.push(resolve);
        timer = setTimeout(resolve, RESTART_MS);
      });
      clearTimeout(timer);
    }
    if (this.#path === undefined) throw absent();
    return this.#path;
  }

  infer(place: SequencePlace, request: ForwardedRequest): Pending {
    const number = this.#next();
    const call: Call = { request, owner: this.#ownerOf(place.owner), sent: false };
    this.#calls.set(number, call);
    if (this.#connected) this.#send(number, call);
    else this.#wait();
    return {
      abandon: () => {
        if (!this.#calls.has(number)) return;
        if (call.sent) this.#tell(kinds.abandon, number);
        else this.#done(number, cancelled());
      },
    };
  }

  /** A stream is lost: its sequences end where they are. */
  release(owner: SequenceOwner): void {
    const number = this.#owners.get(owner);
    if (number !== undefined) this.#tell(kinds.lost, number);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#path = undefined;
    this.#socket?.destroy();
  }

  #connect(path: string): void {
    const socket = connect(path);
    this.#socket = socket;
    socket.on("connect", () => {
      if (this.#socket !== socket) return;
      this.#connected = true;
      clearTimeout(this.#timer);
      this.#timer = undefined;
      for (const [number, call] of this.#calls) this.#send(number, call);
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      if (this.#socket === socket) this.#lose();
    });
    readFrames(socket, (frame) => this.#take(frame));
  }

  /** What was sent is lost with the process; what was not, waits for the next. */
  #lose(): void {
    this.#socket = undefined;
    this.#connected = false;
    const gone = new Refusal(
      "UNAVAILABLE",
      "the process that had the state of this sequence ended; start the sequence again",
    );
    for (const [number, { sent }] of [...this.#calls]) if (sent) this.#done(number, gone);
    if (this.#calls.size > 0) this.#wait();
  }

  #wait(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      for (const [number, { sent }] of [...this.#calls]) if (!sent) this.#done(number, absent());
    }, RESTART_MS);
  }

  #send(number: number, call: Call): void {
    const { request, owner } = call;
    call.sent = true;
    const head = Buffer.allocUnsafe(4);
    head.writeUInt32BE(owner, 0);
    const kind = request.form === "unary" ? kinds.unary : kinds.streamed;
    if (this.#socket !== undefined) sendFrame(this.#socket, kind, number, head, request.message);
  }

  #take({ kind, number, body }: Frame): void {
    const call = this.#calls.get(number);
    if (call === undefined) return;
    if (kind === kinds.more) {
      call.request.more?.(body);
      return;
    }
    const [id, rest] = splitId(body);
    this.#calls.delete(number);
    const outcome = kind === kinds.answer ? rest : kind === kinds.refusal ? refusalOf(rest) : undefined;
    call.request.done({ id, outcome });
  }

  #done(number: number, refusal: Refusal): void {
    const call = this.#calls.get(number);
    this.#calls.delete(number);
    if (call !== undefined)
      queueMicrotask(() => call.request.done({ id: call.request.id, outcome: refusal }));
  }

  #tell(kind: number, number: number): void {
    if (this.#socket !== undefined && this.#connected) sendFrame(this.#socket, kind, number);
  }

  #ownerOf(owner: SequenceOwner | undefined): number {
    if (owner === undefined) return 0;
    const known = this.#owners.get(owner);
    if (known !== undefined) return known;
    const number = this.#next();
    this.#owners.set(owner, number);
    this.#forgotten.register(owner, number);
    owner.heldBy(this);
    return number;
  }

  #next(): number {
    this.#numbers = (this.#numbers % 0xffffffff) + 1;
    return this.#numbers;
  }
}

function absent(): Refusal {
  return new Refusal("UNAVAILABLE", "the process that this sequence belongs to is being started again");
}

/** How a refusal travels. */
export interface SentRefusal {
  readonly code: StatusCode;
  readonly message: string;
}

function refusalOf(json: Buffer): Refusal {
  const { code, message } = JSON.parse(json.toString("utf8")) as SentRefusal;
  return new Refusal(code, message);
}
