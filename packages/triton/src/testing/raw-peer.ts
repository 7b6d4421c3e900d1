import { createServer, type Socket } from "node:net";
import { cleanups } from "./stream-under-test.ts";

/* Frames, as the bytes that they are: what Node's own HTTP/2 server cannot be made to say. RFC 9113, sections 4 and 6. */
const PREFACE_SIZE = 24;
const HEAD_SIZE = 9;
const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const GOAWAY = 7;
const END_STREAM = 1;
const ACK = 1;
const END_HEADERS = 4;

/** A call, as the peer has it. */
export interface RawCall {
  /** Number of its connection, from 0. */
  readonly connection: number;
  readonly streamId: number;
  /** Says `:status: 200`. */
  begin(): void;
  /** A message; the response must have begun. */
  send(message: Uint8Array): void;
  /** Ends the call with `grpc-status: 0`. */
  finish(): void;
  reset(code: number): void;
  /** Says which stream is the last that will be looked at. */
  goaway(lastId: number): void;
  /** Ends the connection. */
  drop(): void;
}

export interface RawPeer {
  readonly address: string;
  /** Those that have not ended. */
  open(): number;
  /** How many it has taken so far. */
  connections(): number;
}

/** A peer of raw HTTP/2, told of each message of each call. */
export async function startRawPeer(
  told: (call: RawCall, message: Buffer) => void,
  greets: (connection: number) => boolean = () => true,
): Promise<RawPeer> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    const connection = connections++;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
    if (greets(connection)) serve(socket, connection, told);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("the peer has no port");
  return { address: `127.0.0.1:${bound.port}`, connections: () => connections, open: () => sockets.size };
}

function serve(socket: Socket, connection: number, told: (call: RawCall, message: Buffer) => void): void {
  const write = (type: number, flags: number, streamId: number, payload: Uint8Array): void => {
    const head = Buffer.alloc(HEAD_SIZE);
    head.writeUIntBE(payload.length, 0, 3);
    head[3] = type;
    head[4] = flags;
    head.writeUInt32BE(streamId, 5);
    socket.write(Buffer.concat([head, payload]));
  };
  const bodies = new Map<number, Buffer>();
  let bytes: Buffer = Buffer.alloc(0);
  let greeted = false;

  function take(streamId: number, part: Buffer): void {
    let body = Buffer.concat([bodies.get(streamId) ?? Buffer.alloc(0), part]);
    while (body.length >= 5 && body.length >= 5 + body.readUInt32BE(1)) {
      const end = 5 + body.readUInt32BE(1);
      const message = body.subarray(5, end);
      body = body.subarray(end);
      told(callOf(streamId), message);
    }
    bodies.set(streamId, body);
  }

  const callOf = (streamId: number): RawCall => ({
    connection,
    streamId,
    // 0x88 is `:status: 200` of the static table.
    begin: () => write(HEADERS, END_HEADERS, streamId, Buffer.from([0x88])),
    send(message) {
      const prefix = Buffer.alloc(5);
      prefix.writeUInt32BE(message.length, 1);
      write(DATA, 0, streamId, Buffer.concat([prefix, message]));
    },
    // A literal field without indexing, name and value by their lengths.
    finish: () =>
      write(
        HEADERS,
        END_HEADERS | END_STREAM,
        streamId,
        Buffer.concat([Buffer.from([0, 11]), Buffer.from("grpc-status"), Buffer.from([1]), Buffer.from("0")]),
      ),
    reset: (code) => write(RST_STREAM, 0, streamId, uint32(code)),
    goaway: (lastId) => write(GOAWAY, 0, 0, Buffer.concat([uint32(lastId), uint32(0)])),
    drop: () => socket.end(),
  });

  socket.on("data", (chunk) => {
    bytes = Buffer.concat([bytes, chunk]);
    if (!greeted) {
      if (bytes.length < PREFACE_SIZE) return;
      greeted = true;
      bytes = bytes.subarray(PREFACE_SIZE);
      write(SETTINGS, 0, 0, Buffer.alloc(0));
    }
    while (bytes.length >= HEAD_SIZE && bytes.length >= HEAD_SIZE + bytes.readUIntBE(0, 3)) {
      const end = HEAD_SIZE + bytes.readUIntBE(0, 3);
      const [type, flags, streamId] = [bytes[3], bytes[4]!, bytes.readUInt32BE(5)];
      const payload = bytes.subarray(HEAD_SIZE, end);
      bytes = bytes.subarray(end);
      if (type === SETTINGS && (flags & ACK) === 0) write(SETTINGS, ACK, 0, Buffer.alloc(0));
      else if (type === DATA) take(streamId, payload);
    }
  });
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
