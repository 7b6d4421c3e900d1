import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import { StrainflowError } from "@strainflow/series";
import type { TlsMaterial } from "../access.ts";
import type { GrpcFront } from "./service.ts";

export interface ListenOptions {
  readonly host: string;
  readonly port: number | false;
  readonly tls?: TlsMaterial;
  readonly maxConnections: number;
}

/**
 * What a client may send before it hears that it was read, in bytes: of one call, and of a connection. With HTTP/2's own
 * 64 KiB, a message of 1 MiB would stand still sixteen times.
 */
const CALL_WINDOW = 4 * 2 ** 20;
const CONNECTION_WINDOW = 16 * 2 ** 20;

/** A connection that has not said by then that it speaks HTTP/2, never will: in milliseconds. */
const PREFACE_MS = 20_000;

/** HTTP/2's code for what is given up. */
const CANCEL = 8;

/** Opens a port for calls. @throws `address-in-use` */
export async function listen(
  options: ListenOptions,
  onStream: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
): Promise<GrpcFront> {
  const { maxConnections } = options;
  const server = createHttp2Server(options.tls);
  server.maxConnections = maxConnections;
  const sockets = new Set<Socket>();
  const sessions = new Set<ServerHttp2Session>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.on("session", (session: ServerHttp2Session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    expectPreface(session);
    session.setLocalWindowSize(CONNECTION_WINDOW);
  });
  server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    // Of what goes wrong with a stream one hears by its close.
    stream.on("error", ignore);
    // It may have been reset before we hear of it, and takes no answer then.
    if (!stream.closed && !stream.destroyed) onStream(stream, headers);
  });
  const address = options.port === false ? "" : await bind(server, options.host, options.port);
  // A connection that cannot be taken (no more files) is its client's misfortune, and nobody else's.
  server.on("error", ignore);
  return {
    address,
    accept(socket) {
      if (sockets.size >= maxConnections) socket.destroy();
      else server.emit("connection", socket);
      socket.resume();
    },
    async drain() {
      server.close();
      await Promise.all(
        [...sessions].map(
          (session) =>
            new Promise<void>((resolve) => {
              session.once("close", () => resolve());
              session.close();
            }),
        ),
      );
    },
    close() {
      server.close();
      for (const session of sessions) session.destroy(undefined, CANCEL);
      // Those that have not become sessions.
      for (const socket of sockets) socket.destroy();
    },
  };
}

function createHttp2Server(tls: TlsMaterial | undefined): Http2Server | Http2SecureServer {
  const options = {
    settings: { initialWindowSize: CALL_WINDOW },
    // Streams are limited by what they hold, each for itself; Node would refuse new ones on a connection.
    maxSessionMemory: Number.MAX_SAFE_INTEGER,
  };
  if (tls === undefined) return createServer(options);
  return createSecureServer({
    ...options,
    ...tls,
    requestCert: tls.ca !== undefined,
    rejectUnauthorized: tls.ca !== undefined,
  });
}

function bind(server: Http2Server | Http2SecureServer, host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void =>
      reject(
        new StrainflowError("address-in-use", `gRPC cannot listen on ${host}:${port}: ${cause.message}`, {
          cause,
          details: { host, port },
        }),
      );
    server.once("error", fail);
    server.listen(port, host.replace(/^\[(.*)\]$/, "$1"), () => {
      server.off("error", fail);
      const address = server.address();
      resolve(`${host}:${typeof address === "object" && address !== null ? address.port : port}`);
    });
  });
}

function expectPreface(session: ServerHttp2Session): void {
  const timer = setTimeout(() => session.destroy(), PREFACE_MS).unref();
  const stop = (): void => clearTimeout(timer);
  session.once("remoteSettings", stop);
  session.once("close", stop);
}

function ignore(): void {}
