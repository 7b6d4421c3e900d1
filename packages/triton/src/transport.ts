import type { ClientHttp2Stream, IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import { StrainflowError } from "@strainflow/series";
import type { Address } from "./address.ts";
import { createConnection } from "./connection.ts";
import { createFrameReader, type FramedMessage } from "./grpc-frames.ts";
import { type GrpcFailure, grpcFailure, lostFailure, statusOf } from "./grpc-status.ts";

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
  unary(path: string, request: FramedMessage, timeoutMs: number): Promise<Buffer>;
  /** Not to be used for anything new: the next one to ask gets a fresh connection. */
  discard(): void;
  close(): void;
}

/** How connections are made. */
export interface TransportOptions {
  /** Sent with every call: authorisation, for example. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Certificates (PEM) that a `grpcs://` server's must be signed by; the system's when absent. */
  readonly rootCertificates?: Uint8Array;
}

const STREAM_PATH = "/inference.GRPCInferenceService/ModelStreamInfer";

/*
 * gRPC on Node's own HTTP/2. Through @grpc/grpc-js an update costs three times the CPU: each message passes five layers
 * of promises and ticks, and is copied once more on its way out and once more on its way in.
 *
 * No keepalive: Triton answers pings on a quiet connection with GOAWAY. No retries: a stateful request is never sent
 * twice by itself.
 *
 * @param onDiscard told once, when the connection is given up
 */
export function createTransport(
  address: Address,
  options: TransportOptions,
  onDiscard: () => void,
): Transport {
  const connection = createConnection(address, options.rootCertificates);
  let discarded = false;

  const request = (path: string, extra?: OutgoingHttpHeaders): ClientHttp2Stream =>
    connection.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      "user-agent": "strainflow-triton",
      ...options.headers,
      ...extra,
    });

  return {
    address: address.text,
    async ready(limitMs) {
      try {
        await connection.ready(limitMs);
      } catch (cause) {
        throw new StrainflowError(
          "server-unavailable",
          `no connection to ${address.text} within ${limitMs} ms (${cause instanceof Error ? cause.message : String(cause)}); is a server listening there?`,
          { cause, details: { address: address.text } },
        );
      }
    },
    stream(events) {
      const stream = request(STREAM_PATH);
      follow(stream, events.message, events.closed);
      stream.on("drain", events.drain);
      return {
        write: (message) => writeMessage(stream, message),
        end: () => stream.end(),
        cancel: () => cancel(stream),
      };
    },
    async unary(path, message, timeoutMs) {
      const started = performance.now();
      await connection.attempt(timeoutMs).catch((cause: unknown) => {
        throw lostFailure(cause instanceof Error ? cause.message : String(cause));
      });
      const leftMs = Math.max(1, Math.round(timeoutMs - (performance.now() - started)));
      const stream = request(path, { "grpc-timeout": `${leftMs}m` });
      return new Promise((resolve, reject) => {
        let response: Buffer | undefined;
        const timer = setTimeout(() => {
          cancel(stream);
          reject(grpcFailure("DEADLINE_EXCEEDED", `no answer within ${timeoutMs} ms`));
        }, leftMs);
        follow(
          stream,
          (bytes) => {
            response = bytes;
          },
          (failure) => {
            clearTimeout(timer);
            if (failure !== undefined) reject(failure);
            else if (response === undefined) reject(grpcFailure("INTERNAL", "the answer has no message"));
            else resolve(response);
          },
        );
        writeMessage(stream, message);
        stream.end();
      });
    },
    discard() {
      if (discarded) return;
      discarded = true;
      onDiscard();
      connection.close("after its streams");
    },
    close: () => connection.close("at once"),
  };
}

/* Node's own limit, 16 KiB, would let one update at a time into the stream. */
const CONGESTED_SIZE = 1024 * 1024;

function writeMessage(stream: ClientHttp2Stream, parts: FramedMessage): boolean {
  if (parts.length === 1) stream.write(parts[0]);
  else {
    stream.cork();
    for (const part of parts) stream.write(part);
    stream.uncork();
  }
  return stream.writableLength < CONGESTED_SIZE;
}

function cancel(stream: ClientHttp2Stream): void {
  // 8 is HTTP/2's CANCEL.
  stream.close(8);
}

/** Reads messages until the call is over, and says how it ended: once. */
function follow(
  stream: ClientHttp2Stream,
  onMessage: (message: Buffer) => void,
  onClosed: (failure: GrpcFailure | undefined) => void,
): void {
  let status: IncomingHttpHeaders | undefined;
  let failure: GrpcFailure | undefined;
  let over = false;
  const frames = createFrameReader(onMessage);
  stream.on("response", (headers) => {
    if (headers["grpc-status"] !== undefined) status = headers;
    else if (headers[":status"] !== 200)
      failure = grpcFailure("UNAVAILABLE", `HTTP status ${headers[":status"]}: not a gRPC server's answer`);
  });
  stream.on("trailers", (headers) => {
    status = headers;
  });
  stream.on("data", (chunk: Buffer) => {
    if (over || frames.push(chunk)) return;
    failure = grpcFailure("INTERNAL", "the server sent a compressed message, and none was asked for");
    cancel(stream);
  });
  stream.on("error", (error) => {
    failure ??= lostFailure(error.message);
  });
  function finish(): void {
    if (over) return;
    over = true;
    if (status === undefined) failure ??= lostFailure(`the stream was reset (HTTP/2 code ${stream.rstCode})`);
    else failure = statusOf(status) ?? failure;
    if (failure === undefined && frames.isPartial) failure = lostFailure("the last message is incomplete");
    onClosed(failure);
  }
  stream.on("end", () => {
    if (status === undefined) return;
    finish();
    // The other side is done, whatever ours still wanted to say.
    if (!stream.writableEnded) cancel(stream);
  });
  stream.on("close", finish);
}
