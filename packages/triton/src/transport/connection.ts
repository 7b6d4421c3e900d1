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
import { createRedial, type Redial } from "./redial.ts";

/** A connection of Node's HTTP/2 that is made when it is needed, and made again when it was lost. */
export interface Connection extends Pick<Redial<unknown>, "attempt" | "ready"> {
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

interface Open {
  readonly session: ClientHttp2Session;
  streams: number;
  readonly isUsable: boolean;
  destroy(): void;
}

export function createConnection(address: Address, tls: NodeTlsOptions): Connection {
  const url = `${address.secure ? "https" : "http"}://${address.target}`;
  const options: SecureClientSessionOptions = {
    settings: { initialWindowSize: WINDOW_SIZE, maxFrameSize: FRAME_SIZE, enablePush: false },
    // In megabytes: what is in flight is bounded by the streams' own credits.
    maxSessionMemory: 4096,
    ...tls,
  };
  const redial = createRedial(address, open);

  function open(limitMs: number): Promise<Open> {
    return new Promise<Open>((resolve, reject) => {
      const session = connect(url, options);
      let isLeaving = false;
      const timer = setTimeout(() => {
        session.destroy();
        reject(new Error("nobody there speaks HTTP/2, or nobody answers"));
      }, limitMs);
      session.on("error", reject);
      session.on("goaway", () => {
        isLeaving = true;
      });
      session.on("close", () => {
        clearTimeout(timer);
        reject(new Error("the connection was closed"));
      });
      // Only the peer's settings prove that somebody speaks HTTP/2 there.
      session.once("remoteSettings", () => {
        clearTimeout(timer);
        session.setLocalWindowSize(WINDOW_SIZE);
        session.unref();
        resolve({
          session,
          streams: 0,
          get isUsable() {
            return !isLeaving && !session.closed && !session.destroyed;
          },
          destroy: () => session.destroy(),
        });
      });
    });
  }

  return {
    attempt: redial.attempt,
    ready: redial.ready,
    request(headers) {
      const open = redial.usable;
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
      const open = redial.close();
      if (when === "at once") open?.session.destroy();
      else open?.session.close();
    },
  };
}
