import type { Header } from "../headers.ts";
import { createHpackDecoder } from "../hpack/decoder.ts";
import { encodeHeaders } from "../hpack/encoder.ts";
import * as h2 from "../protocol.ts";
import { ServerConnection } from "../server/server-connection.ts";
import type { ServerStream } from "../server/server-stream.ts";
import { frame, framesOf, KeepingSocket, type SentFrame, settings } from "./wire.ts";

export const PREFACE: Buffer = Buffer.from(h2.PREFACE, "latin1");

export const ASKED: readonly Header[] = [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/a"],
  [":authority", "x"],
];

/** A request's header section, complete. */
export const request = (streamId: number, flags = 0, headers: readonly Header[] = ASKED): Buffer =>
  frame(h2.HEADERS, flags | h2.END_HEADERS, streamId, encodeHeaders(headers));

/** What a request brought. */
export interface Heard {
  readonly path: string;
  readonly headers: readonly Header[];
  readonly stream: ServerStream;
  readonly events: string[];
}

export interface ServerWire {
  readonly socket: KeepingSocket;
  readonly connection: ServerConnection;
  /** Requests, in their order. */
  readonly heard: Heard[];
  /** Pieces that nobody looks at any more. */
  readonly released: Uint8Array[];
  readonly told: string[];
  /** The client says something. */
  hear(...chunks: readonly Uint8Array[]): void;
  sent(): SentFrame[];
}

/** A server's connection to a client that says what it is told to. @param onRequest done to each request as it comes */
export function openServerWire(onRequest?: (heard: Heard) => void): ServerWire {
  const socket = new KeepingSocket();
  const heard: Heard[] = [];
  const released: Uint8Array[] = [];
  const told: string[] = [];
  const connection = new ServerConnection(socket, {
    ready: () => told.push("ready"),
    released: (piece) => released.push(piece),
    request({ path, headers }, stream) {
      const events: string[] = [];
      const one = { path, headers, stream, events };
      heard.push(one);
      onRequest?.(one);
      return {
        data: (bytes) => events.push(`data ${bytes.toString("hex")}`),
        ended: () => events.push("ended"),
        drained: () => events.push("drained"),
        lost: () => events.push("lost"),
      };
    },
  });
  return {
    socket,
    connection,
    heard,
    released,
    told,
    hear(...chunks) {
      for (const chunk of chunks) connection.read(Buffer.from(chunk));
    },
    sent: () => framesOf(Buffer.concat(socket.written)),
  };
}

/** One whose client has said the preface and its settings, and has begun stream 1. */
export function begunServerWire(onRequest?: (heard: Heard) => void): ServerWire {
  const wire = openServerWire(onRequest);
  wire.hear(PREFACE, settings(), request(1));
  return wire;
}

/** Frames of one kind. */
export const only = (frames: readonly SentFrame[], type: number): SentFrame[] =>
  frames.filter((each) => each.type === type);

/** The reason that the last GOAWAY gives. */
export const goodbye = (wire: ServerWire): number | undefined =>
  only(wire.sent(), h2.GOAWAY).at(-1)?.payload.readUInt32BE(4);

/** Fields of a header block of the server's, which refers to no table. */
export const fields = ({ payload }: SentFrame): readonly Header[] =>
  createHpackDecoder(h2.DEFAULT_TABLE_SIZE, 1 << 20).decode(payload) ?? [];
