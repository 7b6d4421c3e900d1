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
export const TRANSPORTS = ["grpc-js", "http2", "frames"] as const;

export type TransportName = (typeof TRANSPORTS)[number];

/** Ways to compress messages. */
export const COMPRESSIONS = ["gzip", "deflate"] as const;

export type Compression = (typeof COMPRESSIONS)[number];

/** How connections are made. */
export interface TransportOptions extends CredentialOptions {
  /**
   * What carries gRPC's streams.
   *
   * Default "grpc-js", `@grpc/grpc-js`: years of other people's networks are in how it takes GOAWAY, keepalive,
   * deadlines, TLS and HTTP proxies. "frames", our own HTTP/2 right on the socket, and "http2", our own gRPC on Node's
   * HTTP/2, pass the same tests (kills, resets, black holes, a real Triton) and have not met those networks; they know no
   * proxies and no keepalive.
   *
   * What "frames" gains is CPU time of the client: an update is one write and one copy. On one real Triton, by turns,
   * answers of 16 KiB (`npm run bench:peers`; medians of two or three rounds, two busy cores), µs per update:
   *
   * | update, in flight | "frames" | "http2" | perf_analyzer (C++) | hermes 0.3.1 |
   * |---|---|---|---|---|
   * | 1 KB, 1 | 112 | 191 | 113 | 445 |
   * | 64 KB, 8 | 100 | 165 | 139 | 397 |
   * | 1 MiB, 8 | 469 | 504 | 510 | 1428 |
   *
   * "frames" with a listener that borrows answers (see `TritonListener`); without, 40 µs more at 1 KB.
   */
  readonly transport?: TransportName;
  /**
   * What carries single calls.
   *
   * Default "frames", because the others pay for each call what a stream pays once. Against one Triton 2.51, requests of
   * 16 KiB one after the other cost the client 207 and 285 µs of CPU each by "frames", 373 and 440 by "http2", 502 and
   * 540 by grpc-js (two runs by turns; others were busy on the two cores meanwhile: the order is to be trusted). Where a
   * proxy is set in the environment (`grpc_proxy`, `https_proxy`, `http_proxy`), or `channelOptions` are given, the
   * default is "grpc-js", which knows them. Where `transport` is one of the others, the default is the same.
   */
  readonly unaryTransport?: TransportName;
  /**
   * Compresses what is sent, and lets the server compress its answers. Default: not; it costs CPU time on both sides, and
   * floating-point noise hardly shrinks. Masks, texts and zeros are worth it. Over HTTP, only tensors are compressed.
   */
  readonly compression?: Compression;
  /**
   * Any of grpc-js's own options, over ours; only where "grpc-js" carries something. Keepalive, for example, where the
   * server allows it (`grpc.keepalive_time_ms`): it is off by default, because Triton answers pings that come more
   * often than every 300 s with GOAWAY.
   */
  readonly channelOptions?: Readonly<Record<string, string | number>>;
}

export const STREAM_PATH = "/inference.GRPCInferenceService/ModelStreamInfer";
