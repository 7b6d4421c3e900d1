import * as h2 from "../protocol.ts";
import type { Outbox } from "./outbox.ts";
import { SETTING_SIZE } from "./settings.ts";

/** What a client says first: the preface, its settings, and the connection's window, which settings do not reach. */
export function writeGreeting(
  outbox: Outbox,
  settings: readonly (readonly [id: number, value: number])[],
  connectionWindowSize: number,
): void {
  outbox.bytes(Buffer.from(h2.PREFACE, "latin1"));
  outbox.head(h2.SETTINGS, 0, 0, settings.length * SETTING_SIZE);
  for (const [id, value] of settings) {
    outbox.uint16(id);
    outbox.uint32(value);
  }
  writeWindowUpdate(outbox, 0, connectionWindowSize - h2.DEFAULT_WINDOW_SIZE);
}

/** A header block, in as many frames as it needs. */
export function writeBlock(outbox: Outbox, streamId: number, block: Buffer, maxFrameSize: number): void {
  for (let at = 0, type = h2.HEADERS; type === h2.HEADERS || at < block.length; type = h2.CONTINUATION) {
    const to = Math.min(block.length, at + maxFrameSize);
    outbox.head(type, to === block.length ? h2.END_HEADERS : 0, streamId, to - at);
    outbox.bytes(block.subarray(at, to));
    at = to;
  }
}

export function writeReset(outbox: Outbox, streamId: number, code: number): void {
  outbox.head(h2.RST_STREAM, 0, streamId, 4);
  outbox.uint32(code);
}

export function writeWindowUpdate(outbox: Outbox, streamId: number, bytes: number): void {
  outbox.head(h2.WINDOW_UPDATE, 0, streamId, 4);
  outbox.uint32(bytes);
}

/** @param lastId the last of the other side's streams that was looked at */
export function writeGoaway(outbox: Outbox, lastId: number, code: number): void {
  outbox.head(h2.GOAWAY, 0, 0, 8);
  outbox.uint32(lastId);
  outbox.uint32(code);
}

/** An answer to settings (without a payload) or to a ping. */
export function writeAnswer(outbox: Outbox, type: number, payload: Uint8Array): void {
  outbox.head(type, h2.ACK, 0, payload.length);
  outbox.bytes(payload);
}
