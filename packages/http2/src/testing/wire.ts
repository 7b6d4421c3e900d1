import { EventEmitter } from "node:events";
import { ClientConnection } from "../client/client-connection.ts";
import type { ClientStream } from "../client/client-stream.ts";
import type { ByteSocket } from "../frames/byte-socket.ts";
import type { Header } from "../headers.ts";
import { createHpackDecoder } from "../hpack/decoder.ts";
import { encodeHeaders } from "../hpack/encoder.ts";
import * as h2 from "../protocol.ts";

/** A frame's bytes. */
export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array | readonly number[] = [],
): Buffer {
  const head = Buffer.alloc(h2.HEAD_SIZE);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, Buffer.from(payload)]);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export const settings = (...entries: readonly (readonly [id: number, value: number])[]): Buffer =>
  frame(
    h2.SETTINGS,
    0,
    0,
    Buffer.concat(entries.map(([id, value]) => Buffer.concat([uint32(id).subarray(2), uint32(value)]))),
  );

export const response = (
  streamId: number,
  flags = 0,
  headers: readonly Header[] = [[":status", "200"]],
): Buffer => frame(h2.HEADERS, flags | h2.END_HEADERS, streamId, encodeHeaders(headers));

export const data = (streamId: number, bytes: Uint8Array | readonly number[], flags = 0): Buffer =>
  frame(h2.DATA, flags, streamId, bytes);

export interface SentFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

/** Bytes as the frames that they are. */
export function framesOf(bytes: Buffer): SentFrame[] {
  const frames: SentFrame[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = bytes.readUIntBE(at, 3);
    frames.push({
      type: bytes[at + 3]!,
      flags: bytes[at + 4]!,
      streamId: bytes.readUInt32BE(at + 5),
      payload: bytes.subarray(at + h2.HEAD_SIZE, at + h2.HEAD_SIZE + size),
    });
    at += h2.HEAD_SIZE + size;
  }
  return frames;
}

/** A socket on which nothing is: what is written to it is kept. */
export class KeepingSocket extends EventEmitter implements ByteSocket {
  /** As if nobody read what was written. */
  writableLength = 0;
  readonly written: Buffer[] = [];
  writes = 0;
  isDestroyed = false;
  isEnded = false;
  isHeld = false;
  private corked = false;

  write(bytes: Uint8Array): void {
    if (!this.corked) this.writes++;
    this.written.push(Buffer.from(bytes));
    if (this.isHeld) this.writableLength += bytes.length;
  }
  cork(): void {
    this.corked = true;
    this.writes++;
  }
  uncork(): void {
    this.corked = false;
  }
  end(): void {
    this.isEnded = true;
  }
  ref(): void {}
  unref(): void {}
  destroy(): void {
    this.isDestroyed = true;
    this.emit("close");
  }
  destroySoon(): void {
    this.destroy();
  }
}

/** A client's connection to a peer that says what it is told to. */
export function openWire(): Wire {
  const socket = new KeepingSocket();
  const told: string[] = [];
  const connection = new ClientConnection(socket, {
    ready: () => told.push("ready"),
    leaving: () => told.push("leaving"),
    closed: (error) => told.push(`closed: ${error.message}`),
  });
  return {
    socket,
    told,
    connection,
    hear(...chunks) {
      for (const chunk of chunks) {
        // What is read is read into memory that is used again.
        const memory = Buffer.from(chunk);
        connection.read(memory);
        memory.fill(0xee);
      }
    },
    request(headers = REQUEST) {
      const events: string[] = [];
      const stream = connection.request(headers, {
        headers: (fields) => events.push(`headers ${fields.map((field) => field.join("=")).join(" ")}`),
        data: (bytes) => events.push(`data ${bytes.toString("hex")}`),
        drain: () => events.push("drain"),
        ended: () => events.push("ended"),
        failed: ({ reason, code }) => events.push(`failed ${reason}${code === undefined ? "" : ` ${code}`}`),
      });
      return { stream, events };
    },
    sent() {
      return framesOf(Buffer.concat(socket.written).subarray(h2.PREFACE.length));
    },
  };
}

export interface Wire {
  readonly socket: KeepingSocket;
  readonly told: string[];
  readonly connection: ClientConnection;
  /** The peer says something. */
  hear(...chunks: readonly Uint8Array[]): void;
  request(headers?: readonly Header[]): { readonly stream: ClientStream; readonly events: string[] };
  /** What the peer has been sent. */
  sent(): SentFrame[];
}

const REQUEST: readonly Header[] = [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/a"],
  [":authority", "x"],
];

/** The fields of the first header block of a connection that was sent. */
export function fieldsOf({ payload }: SentFrame): readonly Header[] {
  return createHpackDecoder(h2.DEFAULT_TABLE_SIZE, 1 << 20).decode(payload) ?? [];
}

/** What was written within one tick is sent when it is over. */
export const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
