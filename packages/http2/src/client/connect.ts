import { connect as connectPlain, isIP, type OnReadOpts, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { connectionLost } from "../errors.ts";
import type { Header } from "../headers.ts";
import { ClientConnection } from "./client-connection.ts";
import type { ClientStream, StreamListener } from "./client-stream.ts";

/** Whom to trust, and who we are: in Node's words. */
export interface TlsOptions {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  /** The name that the server's certificate must have. Default: the host. */
  readonly servername?: string;
}

export interface Http2ClientOptions {
  readonly host: string;
  readonly port: number;
  /** TLS, where it is given. Without it, the server must know that HTTP/2 comes. */
  readonly tls?: TlsOptions;
  /** Milliseconds until the server must have said its settings. */
  readonly timeoutMs: number;
  /** Told once, when the connection takes no new streams any more: because the server goes away, or is gone. */
  readonly onLeaving?: () => void;
}

/** A connection to a server. */
export interface Http2Client {
  /** Whether it takes new streams. */
  readonly isUsable: boolean;
  /** Whether it is gone; one that takes no new streams may still serve old ones. */
  readonly isClosed: boolean;
  /**
   * Begins a stream. An idle connection does not keep the process alive; a stream does.
   *
   * @param headers pseudo-headers first; names in lower case
   * @throws `http2-lost`, `invalid-option`
   */
  request(headers: readonly Header[], listener: StreamListener): ClientStream;
  /** Takes no new streams, and closes after the last. */
  leave(): void;
  /** Closes at once. */
  destroy(): void;
}

/**
 * Frames are read into the same memory again and again: Node would take 64 KiB for each read, and give most of it back.
 */
const READ_SIZE = 256 * 1024;

/** Firewalls and balancers forget connections that were quiet for some minutes; the shortest of them take five. */
const KEEP_ALIVE_MS = 60_000;

/**
 * Connects, and waits for the server's settings: only they prove that somebody speaks HTTP/2 there.
 *
 * @throws `http2-lost`, `http2-protocol`, or what the socket says
 */
export function connectHttp2(options: Http2ClientOptions): Promise<Http2Client> {
  const { host, port, tls, timeoutMs, onLeaving } = options;
  return new Promise<Http2Client>((resolve, reject) => {
    let connection: ClientConnection | undefined;
    const timer = setTimeout(() => {
      socket.destroy();
      reject(connectionLost("nobody there speaks HTTP/2, or nobody answers"));
    }, timeoutMs);

    function failed(error: Error): void {
      clearTimeout(timer);
      reject(error);
    }

    function connected(): void {
      socket.off("error", failed);
      socket.off("close", closed);
      socket.setNoDelay(true);
      // By the kernel, which no server counts as it does HTTP/2's pings: what stands between forgets no quiet connection.
      socket.setKeepAlive(true, KEEP_ALIVE_MS);
      const made = new ClientConnection(socket, {
        ready() {
          clearTimeout(timer);
          resolve(made);
        },
        leaving: () => onLeaving?.(),
        closed: failed,
      });
      connection = made;
    }

    const closed = (): void => failed(connectionLost("the connection was closed"));
    const read = (chunk: Buffer): void => connection?.read(chunk);
    const socket = tls === undefined ? openPlain(host, port, read) : openTls(host, port, tls, read, failed);
    socket.on("error", failed);
    socket.on("close", closed);
    socket.once(tls === undefined ? "connect" : "secureConnect", connected);
  });
}

function openPlain(host: string, port: number, read: (chunk: Buffer) => void): Socket {
  const memory = Buffer.allocUnsafeSlow(READ_SIZE);
  const onread: OnReadOpts = {
    buffer: memory,
    callback(size) {
      read(memory.subarray(0, size));
      return true;
    },
  };
  return connectPlain({ host, port, onread });
}

function openTls(
  host: string,
  port: number,
  tls: TlsOptions,
  read: (chunk: Buffer) => void,
  failed: (error: Error) => void,
): Socket {
  const socket = connectTls({
    host,
    port,
    ALPNProtocols: ["h2"],
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...tls,
  });
  socket.prependOnceListener("secureConnect", () => {
    if (socket.alpnProtocol === "h2") return;
    failed(connectionLost("the server speaks TLS, but no HTTP/2 (ALPN)"));
    socket.removeAllListeners("secureConnect");
    socket.destroy();
  });
  socket.on("data", read);
  return socket;
}
