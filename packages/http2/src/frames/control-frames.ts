import { protocolFault } from "../errors.ts";
import * as h2 from "../protocol.ts";
import type { ByteSocket } from "./byte-socket.ts";
import type { FrameBudget } from "./frame-budget.ts";
import type { Outbox } from "./outbox.ts";
import { readSettings, type Setting } from "./settings.ts";
import * as write from "./write-frames.ts";

/** Answers to PING and SETTINGS that the other side has not read. */
const MAX_ANSWERS = 1000;

/* What frames cost that carry nothing; settings are the dearest. */
const PING_COST = 2;
const SETTINGS_COST = 100;

/** PING and SETTINGS, which mean the same to both sides. */
export class ControlFrames {
  private readonly socket: ByteSocket;
  private readonly outbox: Outbox;
  private readonly budget: FrameBudget;
  private answers = 0;

  constructor(socket: ByteSocket, outbox: Outbox, budget: FrameBudget) {
    this.socket = socket;
    this.outbox = outbox;
    this.budget = budget;
  }

  /** @returns what is to hold from now on; nothing where it is an answer. @throws `http2-protocol` */
  settings(flags: number, payload: Buffer): readonly Setting[] | undefined {
    this.budget.spend(SETTINGS_COST);
    if ((flags & h2.ACK) === 0) return readSettings(payload);
    sized(payload, 0);
    return undefined;
  }

  /** Says that the settings hold. */
  settled(): void {
    this.answer(h2.SETTINGS, NOTHING);
  }

  /** @returns whether it is the answer to one of ours. @throws `http2-protocol` */
  ping(flags: number, payload: Buffer): boolean {
    this.budget.spend(PING_COST);
    sized(payload, 8);
    if ((flags & h2.ACK) !== 0) return true;
    this.answer(h2.PING, payload);
    return false;
  }

  private answer(type: number, payload: Uint8Array): void {
    if (this.socket.writableLength === 0) this.answers = 0;
    if (++this.answers > MAX_ANSWERS)
      throw protocolFault("ENHANCE_YOUR_CALM", "it asks and asks, and does not read the answers");
    write.writeAnswer(this.outbox, type, payload);
  }
}

/** @throws `http2-protocol` where a frame has not the size that each of its kind has */
export function sized(payload: Buffer, size: number): Buffer {
  if (payload.length !== size)
    throw protocolFault("FRAME_SIZE_ERROR", `a frame of ${payload.length} bytes that has ${size}`);
  return payload;
}

const NOTHING = new Uint8Array(0);
