import { createServer as createPlain, type Server, type Socket } from "node:net";
import { createServer as createTls } from "node:tls";
import type { Http2Request } from "./request.ts";
import { ServerConnection } from "./server-connection.ts";
import type { RequestListener, ServerStream } from "./server-stream.ts";

/** Who we are, and whom to let in: in Node's words, PEM. */
export interface ServerTls {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Clients must show a certificate that one of these signed. Without it, anybody may connect. */
  readonly ca?: Buffer;
}

export interface Http2ServerOptions {
  readonly host: string;
  /** 0 for any that is free; `false`: it listens nowhere, and has the connections that `accept` is given. */
  readonly port: number | false;
  /** TLS, and HTTP/2 agreed on in it. Without it, clients must know that HTTP/2 is spoken. */
  readonly tls?: ServerTls;
  /** More are closed as they come. */
  readonly maxConnections: number;
  /** @returns who hears what the request brings; nobody does where there is none */
  readonly onRequest: (request: Http2Request, stream: ServerStream) => RequestListener | undefined;
  /** Told of what was written to a stream, when nobody looks at its memory any more. Not of what was lost. */
  readonly onReleased?: (bytes: Uint8Array) => void;
}

export interface Http2Server {
  /** 0 where it does not listen. */
  readonly port: number;
  /** Serves a connection that came in elsewhere; it may be paused. */
  accept(socket: Socket): void;
  /** Takes no new requests, and resolves when those that there are have ended by themselves. */
  drain(): Promise<void>;
  /** Cuts what is open. */
  close(): void;
}

/** A connection that has not said by then that it speaks HTTP/2, never will: in milliseconds. */
const PREFACE_MS = 20_000;

/** Serves HTTP/2. @throws what the socket says where the port cannot be had */
export async function serveHttp2(options: Http2ServerOptions): Promise<Http2Server> {
  const { host, port, tls, maxConnections, onRequest, onReleased } = options;
  const sockets = new Set<Socket>();
  const connections = new Map<ServerConnection, Socket>();
  const server = tls === undefined ? createPlain(serve) : createSecure(tls, serve);
  server.maxConnections = maxConnections;
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });

  function serve(socket: Socket): void {
    socket.setNoDelay(true);
    const timer = setTimeout(() => socket.destroy(), PREFACE_MS).unref();
    const connection = new ServerConnection(socket, {
      ready: () => clearTimeout(timer),
      request: onRequest,
      ...(onReleased === undefined ? {} : { released: onReleased }),
    });
    connections.set(connection, socket);
    socket.once("close", () => {
      clearTimeout(timer);
      connections.delete(connection);
    });
    socket.on("data", (chunk: Buffer) => connection.read(chunk));
  }

  const bound = port === false ? 0 : await bind(server, host, port);
  // A connection that cannot be taken (no more files) is its client's misfortune, and nobody else's.
  server.on("error", ignore);
  return {
    port: bound,
    accept(socket) {
      if (sockets.size >= maxConnections) socket.destroy();
      else server.emit("connection", socket);
      socket.resume();
    },
    async drain() {
      server.close();
      await Promise.all(
        [...connections].map(
          ([connection, socket]) =>
            new Promise<void>((resolve) => {
              socket.once("close", () => resolve());
              connection.drain();
            }),
        ),
      );
    },
    close() {
      server.close();
      for (const connection of connections.keys()) connection.cut();
      // Those on which TLS has not said its greeting.
      for (const socket of sockets) socket.destroy();
    },
  };
}

function createSecure({ cert, key, ca }: ServerTls, serve: (socket: Socket) => void): Server {
  const options = {
    cert,
    key,
    ...(ca === undefined ? {} : { ca }),
    requestCert: ca !== undefined,
    rejectUnauthorized: ca !== undefined,
    ALPNProtocols: ["h2"],
    handshakeTimeout: PREFACE_MS,
  };
  return createTls(options, (socket) => {
    if (socket.alpnProtocol === "h2") serve(socket);
    else socket.destroy();
  });
}

function bind(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

function ignore(): void {}
