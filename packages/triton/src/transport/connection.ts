import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type OutgoingHttpHeaders,
  type SecureClientSessionOptions,
} from "node:http2";
import type { Address } from "./address.ts";
import type { NodeTlsOptions } from "./credentials.ts";
import { lostFailure } from "./grpc-status.ts";

/** An HTTP/2 connection that is made when it is needed, and made again when it was lost. */
export interface Connection {
  /** Makes the connection if there is none: one attempt. @throws its failure */
  attempt(limitMs: number): Promise<void>;
  /** Tries until `limitMs` are over. @throws the last failure */
  ready(limitMs: number): Promise<void>;
  /** Opens a stream on the connection of now. @throws GrpcFailure if there is none */
  request(headers: OutgoingHttpHeaders): ClientHttp2Stream;
  close(when: "at once" | "after its streams"): void;
}

/* The default window of 64 KiB stops a response of 1 MiB fifteen times for a round trip. */
const WINDOW_SIZE = 8 * 1024 * 1024;

/*
 * The default of 16 KiB cuts a message of 16 KiB and its head in two, which then have to be joined: with this, client CPU
 * of such updates fell by a tenth.
 */
const FRAME_SIZE = 1024 * 1024;

/* A supervised server is back within a second. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1000;

interface Open {
  readonly session: ClientHttp2Session;
  streams: number;
}

export function createConnection(address: Address, tls: NodeTlsOptions): Connection {
  const url = `${address.secure ? "https" : "http"}://${address.target}`;
  const options: SecureClientSessionOptions = {
    settings: { initialWindowSize: WINDOW_SIZE, maxFrameSize: FRAME_SIZE, enablePush: false },
    // In megabytes: what is in flight is bounded by the streams' own credits.
    maxSessionMemory: 4096,
    ...tls,
  };
  let current: Open | undefined;
  let opening: Promise<void> | undefined;
  let closed = false;

  function usable(): Open | undefined {
    return current !== undefined && !current.session.closed && !current.session.destroyed
      ? current
      : undefined;
  }

  function open(limitMs: number): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const session = connect(url, options);
      const timer = setTimeout(() => {
        session.destroy();
        reject(new Error("nobody there speaks HTTP/2, or nobody answers"));
      }, limitMs);
      const forget = (): void => {
        if (current?.session === session) current = undefined;
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
        else current = { session, streams: 0 };
        resolve();
      });
    }).finally(() => {
      opening = undefined;
    });
  }

  async function attempt(limitMs: number): Promise<void> {
    if (closed) throw lostFailure("the client was closed");
    if (usable() !== undefined) return;
    opening ??= open(limitMs);
    await opening;
  }

  return {
    attempt,
    async ready(limitMs) {
      const started = performance.now();
      for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
        try {
          return await attempt(Math.max(1, limitMs - (performance.now() - started)));
        } catch (error) {
          if (closed || performance.now() - started + pauseMs > limitMs) throw error;
          await new Promise((resolve) => setTimeout(resolve, pauseMs));
        }
      }
    },
    request(headers) {
      const open = usable();
      if (open === undefined) throw lostFailure("the connection was lost");
      const { session } = open;
      // An idle connection does not keep the process alive; a stream does.
      if (open.streams++ === 0) session.ref();
      const stream = session.request(headers, { endStream: false });
      stream.once("close", () => {
        if (--open.streams === 0 && !session.destroyed) session.unref();
      });
      return stream;
    },
    close(when) {
      closed = true;
      if (when === "at once") current?.session.destroy();
      else current?.session.close();
      current = undefined;
    },
  };
}

/** Where a name has several addresses, Node's error has a reason for each and no message of its own. */
function reason(error: Error): Error {
  if (!(error instanceof AggregateError) || error.message !== "") return error;
  const reasons = error.errors.map((each) => (each instanceof Error ? each.message : String(each)));
  return new Error(reasons.join("; "), { cause: error });
}
