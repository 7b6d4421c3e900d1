import type { CallLimits } from "../call-options.ts";
import type { CredentialOptions } from "./credentials.ts";
import type { FramedMessage } from "./grpc-frames.ts";
import type { GrpcFailure } from "./grpc-status.ts";

/** A bidirectional call, in bytes. */
export interface TransportCall {
  /**
   * Sends a message, whose parts must not change until it is answered.
   *
   * @returns `false`: wait for `drain` before the next one
   */
  write(message: FramedMessage): boolean;
  end(): void;
  cancel(): void;
}

export interface TransportEvents {
  /** Messages are looked at during the call only: the transport may use their memory again. */
  readonly borrows?: boolean | undefined;
  message(message: Buffer): void;
  drain(): void;
  /** The call is over; `failure` unless the other side ended it in order. */
  closed(failure: GrpcFailure | undefined): void;
}

/** One connection to a server. */
export interface Transport {
  readonly address: string;
  /** @throws `server-unavailable` if there is no connection within `limitMs` */
  ready(limitMs: number): Promise<void>;
  /** When it is `ready`. @throws {@link GrpcFailure} if the connection was lost since */
  stream(events: TransportEvents): TransportCall;
  /** One message there and one back. @throws {@link GrpcFailure} */
  unary(path: string, request: FramedMessage, limits: CallLimits): Promise<Buffer>;
  /** Not to be used for anything new: the next one to ask gets a fresh connection. */
  discard(): void;
  close(): void;
}

/** What can carry gRPC. */
export const TRANSPORTS = ["frames", "grpc-js"] as const;

export type TransportName = (typeof TRANSPORTS)[number];

/** Ways to compress messages. */
export const COMPRESSIONS = ["gzip", "deflate"] as const;

export type Compression = (typeof COMPRESSIONS)[number];

/** How connections are made. */
export interface TransportOptions extends CredentialOptions {
  /**
   * What carries gRPC's streams: "frames", our own HTTP/2 right on the socket, or "grpc-js", `@grpc/grpc-js`.
   *
   * Default "frames", because an update costs the client least by it: one write and one copy. On one real Triton, by
   * turns, answers of 16 KiB (`npm run bench:peers`; medians of three rounds, two cores), µs of client CPU per update,
   * with a listener that borrows answers (see `TritonListener`; without, 40 µs more at 1 KB):
   *
   * | update, in flight | "frames" | perf_analyzer (C++) | hermes 0.3.1 |
   * |---|---|---|---|
   * | 1 KB, 1 | 112 | 113 | 445 |
   * | 64 KB, 8 | 100 | 139 | 397 |
   * | 1 MiB, 8 | 469 | 510 | 1428 |
   *
   * There "frames" took 0.28 to 0.40 of hermes' CPU, and "grpc-js" 0.56 to 1.66.
   *
   * Both pass the same tests: TLS and mutual TLS, tokens, compression, GOAWAY, resets, half-open connections, 200 kills
   * of the server and 200 faults on the line with byte-identical output (`npm run test:faults`), and a real Triton's
   * every RPC. What the server says that it has not looked at (by GOAWAY, or REFUSED_STREAM) is made again, on another
   * connection, three times at most and within the deadline.
   *
   * What "frames" does not know, and "grpc-js" does, makes "grpc-js" the default: where `channelOptions` are given; where
   * `grpc_proxy`, `https_proxy` or `http_proxy` stands before the server (one that `no_grpc_proxy` or `no_proxy` does not
   * except, and never before this machine's own loopback); and, with TLS, where `GRPC_DEFAULT_SSL_ROOTS_FILE_PATH` or `GRPC_SSL_CIPHER_SUITES` is set. Whoever names a
   * transport gets that one: "frames" goes past any proxy.
   */
  readonly transport?: TransportName;
  /**
   * What carries single calls. Default: what carries the streams, on the first of their connections.
   *
   * Against one Triton 2.51, requests of 16 KiB one after the other cost the client 207 and 285 µs of CPU each by
   * "frames", 502 and 540 by "grpc-js" (two runs by turns; others were busy on the two cores meanwhile: the order is to
   * be trusted).
   */
  readonly unaryTransport?: TransportName;
  /**
   * Compresses what is sent, and lets the server compress its answers. Default: not; it costs CPU time on both sides, and
   * floating-point noise hardly shrinks. Masks, texts and zeros are worth it. Over HTTP, only tensors are compressed.
   */
  readonly compression?: Compression;
  /**
   * Any of grpc-js's own options, over ours; only where "grpc-js" carries something, which is the default then. HTTP/2's
   * pings, for example, where the server allows them (`grpc.keepalive_time_ms`): they are off by default, because Triton
   * answers those that come more often than every 300 s with GOAWAY. ("frames" has TCP's keep-alive, which no server
   * sees.)
   */
  readonly channelOptions?: Readonly<Record<string, string | number>>;
}

export const STREAM_PATH = "/inference.GRPCInferenceService/ModelStreamInfer";
