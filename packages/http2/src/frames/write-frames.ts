import * as h2 from "../protocol.ts";
import type { Outbox } from "./outbox.ts";
import { SETTING_SIZE, type Setting } from "./settings.ts";

/** What a client says first: the preface, and what it allows. */
export function writeGreeting(
  outbox: Outbox,
  settings: readonly Setting[],
  connectionWindowSize: number,
): void {
  outbox.bytes(Buffer.from(h2.PREFACE, "latin1"));
  writeAllowances(outbox, settings, connectionWindowSize);
}

/** Settings, and the connection's window, which they do not reach. */
export function writeAllowances(
  outbox: Outbox,
  settings: readonly Setting[],
  connectionWindowSize: number,
): void {
  outbox.head(h2.SETTINGS, 0, 0, settings.length * SETTING_SIZE);
  for (const [id, value] of settings) {
    outbox.uint16(id);
    outbox.uint32(value);
  }
  writeWindowUpdate(outbox, 0, connectionWindowSize - h2.DEFAULT_WINDOW_SIZE);
}

/** A header block, in as many frames as it needs. @param flags of the first frame: END_STREAM, or none */
export function writeBlock(
  outbox: Outbox,
  streamId: number,
  block: Uint8Array,
  maxFrameSize: number,
  flags = 0,
): void {
  if (block.length <= maxFrameSize) {
    outbox.head(h2.HEADERS, flags | h2.END_HEADERS, streamId, block.length);
    outbox.bytes(block);
    return;
  }
  for (let at = 0; at < block.length; ) {
    const to = Math.min(block.length, at + maxFrameSize);
    const first = at === 0;
    const ends = to === block.length ? h2.END_HEADERS : 0;
    outbox.head(first ? h2.HEADERS : h2.CONTINUATION, ends | (first ? flags : 0), streamId, to - at);
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

export function writePing(outbox: Outbox, payload: Uint8Array): void {
  outbox.head(h2.PING, 0, 0, payload.length);
  outbox.bytes(payload);
}
