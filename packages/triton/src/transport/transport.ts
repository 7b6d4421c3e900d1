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
   * deadlines, TLS and HTTP proxies. "http2", our own on Node's HTTP/2, passes the same tests and has not met those
   * networks; it knows no proxies and no keepalive. What it gains is CPU time of the client, for two copies
   * and several promises less per message: 104 µs per update instead of 146 at 1 KB, 163 instead of 360 at 64 KB, 854
   * instead of 1957 at 1 MiB (`npm run bench:updates`, medians of five pairs on one machine).
   */
  readonly transport?: TransportName;
  /**
   * What carries single calls.
   *
   * Default "http2", because grpc-js pays for each call what a stream pays once. Against one Triton 2.51, requests of
   * 1 KB one after the other cost the client 880 to 1150 µs of CPU each by grpc-js (180 to 460 a second in three runs),
   * 445 to 615 by "http2" (650 to 1200 a second), 430 to 475 over HTTP by undici (two runs: 960 to 1010 a second), and
   * 225 to 335 by Python's tritonclient (two runs: 490 to 1200 a second). Others were busy on the two cores meanwhile:
   * the order is to be trusted, the rates are not. Where a proxy is set in the environment
   * (`grpc_proxy`, `https_proxy`, `http_proxy`), or `channelOptions` are given, the default is "grpc-js", which knows
   * them.
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
