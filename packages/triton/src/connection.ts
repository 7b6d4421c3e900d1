import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type OutgoingHttpHeaders,
  type SecureClientSessionOptions,
} from "node:http2";
import type { Address } from "./address.ts";
import { lostFailure } from "./grpc-status.ts";

/** An HTTP/2 connection that is made when it is needed, and made again when it was lost. */
export interface Connection {
  /** Waits for the connection, and tries again until `limitMs` are over. @throws the last failure */
  ready(limitMs: number): Promise<void>;
  /** Opens a stream on the connection of now. @throws GrpcFailure if there is none */
  request(headers: OutgoingHttpHeaders): ClientHttp2Stream;
  close(when: "at once" | "after its streams"): void;
}

/* The default window of 64 KiB stops a response of 1 MiB fifteen times for a round trip. */
const WINDOW_SIZE = 8 * 1024 * 1024;

/* A supervised server is back within a second. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1000;

export function createConnection(address: Address, rootCertificates: Uint8Array | undefined): Connection {
  const url = `${address.secure ? "https" : "http"}://${address.target}`;
  const options: SecureClientSessionOptions = {
    settings: { initialWindowSize: WINDOW_SIZE, enablePush: false },
    // In megabytes: what is in flight is bounded by the streams' own credits.
    maxSessionMemory: 4096,
    ...(rootCertificates === undefined ? {} : { ca: Buffer.from(rootCertificates) }),
  };
  let current: ClientHttp2Session | undefined;
  let opening: Promise<ClientHttp2Session> | undefined;
  let closed = false;
  let streams = 0;

  function isUsable(session: ClientHttp2Session | undefined): session is ClientHttp2Session {
    return session !== undefined && !session.closed && !session.destroyed;
  }

  function open(limitMs: number): Promise<ClientHttp2Session> {
    const made = new Promise<ClientHttp2Session>((resolve, reject) => {
      const session = connect(url, options);
      const timer = setTimeout(() => {
        session.destroy();
        reject(new Error("the peer accepts the connection, or not even that, and says nothing"));
      }, limitMs);
      const forget = (): void => {
        if (current === session) current = undefined;
      };
      session.on("error", (error) => reject(reason(error)));
      session.on("goaway", forget);
      session.on("close", () => {
        clearTimeout(timer);
        forget();
        reject(new Error("the connection was closed"));
      });
      // Only the peer's settings prove that somebody speaks HTTP/2 there.
      session.once("remoteSettings", () => {
        clearTimeout(timer);
        session.setLocalWindowSize(WINDOW_SIZE);
        session.unref();
        if (closed) session.destroy();
        else {
          current = session;
          streams = 0;
        }
        resolve(session);
      });
    });
    return made.finally(() => {
      opening = undefined;
    });
  }

  return {
    async ready(limitMs) {
      const started = performance.now();
      for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
        if (closed) throw lostFailure("the client was closed");
        if (isUsable(current)) return;
        const leftMs = Math.max(1, limitMs - (performance.now() - started));
        try {
          opening ??= open(leftMs);
          await opening;
        } catch (error) {
          if (performance.now() - started + pauseMs > limitMs) throw error;
          await new Promise((resolve) => setTimeout(resolve, pauseMs));
        }
      }
    },
    request(headers) {
      const session = current;
      if (!isUsable(session)) throw lostFailure("the connection was lost");
      // An idle connection does not keep the process alive; a stream does.
      if (streams++ === 0) session.ref();
      const stream = session.request(headers, { endStream: false });
      stream.once("close", () => {
        if (--streams === 0 && !session.destroyed) session.unref();
      });
      return stream;
    },
    close(when) {
      closed = true;
      if (when === "at once") current?.destroy();
      else current?.close();
      current = undefined;
    },
  };
}

/** Where a name has several addresses, Node's error has a reason for each and no message of its own. */
function reason(error: Error): Error {
  if (!(error instanceof AggregateError) || error.message !== "") return error;
  return new Error(
    error.errors.map((each) => (each instanceof Error ? each.message : String(each))).join("; "),
    {
      cause: error,
    },
  );
}
