import type { ClientHttp2Stream, IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import type { Address } from "./address.ts";
import { createConnection } from "./connection.ts";
import { headerSource, tlsOptions } from "./credentials.ts";
import { compressed, createFrameReader, decompressor, type FramedMessage } from "./grpc-frames.ts";
import {
  abortedFailure,
  type GrpcFailure,
  grpcFailure,
  grpcTimeout,
  httpFailure,
  lostFailure,
  resetFailure,
  statusOf,
} from "./grpc-status.ts";
import { reasonOf } from "./redial.ts";
import { STREAM_PATH, type Transport, type TransportOptions } from "./transport.ts";

/**
 * gRPC on Node's own HTTP/2. What it does not have: proxies, keepalive, retries.
 *
 * @param onDiscard told once, when the connection is given up
 */
export function createHttp2Transport(
  address: Address,
  options: TransportOptions,
  onDiscard: () => void,
): Transport {
  const connection = createConnection(address, tlsOptions(options));
  const source = headerSource(options);
  const { compression } = options;
  const coding: OutgoingHttpHeaders =
    compression === undefined
      ? {}
      : { "grpc-encoding": compression, "grpc-accept-encoding": "identity,deflate,gzip" };
  const packed = (message: FramedMessage): FramedMessage =>
    compression === undefined ? message : compressed(message, compression);
  let discarded = false;

  const request = (path: string, extra?: OutgoingHttpHeaders): ClientHttp2Stream =>
    connection.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      "user-agent": "strainflow-triton",
      ...coding,
      ...source.current(),
      ...extra,
    });

  return {
    address: address.text,
    async ready(limitMs) {
      await source.refresh();
      await connection.ready(limitMs);
    },
    stream(events) {
      const stream = request(STREAM_PATH);
      follow(stream, events.message, events.closed);
      stream.on("drain", events.drain);
      return {
        write: (message) => writeMessage(stream, packed(message)),
        end: () => stream.end(),
        cancel: () => cancel(stream),
      };
    },
    async unary(path, message, { timeoutMs, signal, headers }) {
      const started = performance.now();
      await source.refresh();
      await connection.attempt(timeoutMs).catch((cause: unknown) => {
        throw lostFailure(reasonOf(cause));
      });
      const leftMs = Math.max(1, Math.round(timeoutMs - (performance.now() - started)));
      if (signal?.aborted) throw abortedFailure();
      const stream = request(path, { ...headers, "grpc-timeout": grpcTimeout(leftMs) });
      return new Promise((resolve, reject) => {
        let response: Buffer | undefined;
        const timer = setTimeout(() => {
          cancel(stream);
          reject(grpcFailure("DEADLINE_EXCEEDED", `no answer within ${timeoutMs} ms`));
        }, leftMs);
        const abort = (): void => {
          cancel(stream);
          reject(abortedFailure());
        };
        signal?.addEventListener("abort", abort);
        follow(
          stream,
          (bytes) => {
            response = bytes;
          },
          (failure) => {
            clearTimeout(timer);
            signal?.removeEventListener("abort", abort);
            if (failure !== undefined) reject(failure);
            else if (response === undefined) reject(grpcFailure("INTERNAL", "the answer has no message"));
            else resolve(response);
          },
        );
        writeMessage(stream, packed(message));
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
  let reason = "";
  let over = false;
  const { session } = stream;
  const frames = createFrameReader(onMessage);
  stream.on("response", (headers) => {
    frames.decompress = decompressor(headers["grpc-encoding"]);
    if (headers["grpc-status"] !== undefined) status = headers;
    else if (headers[":status"] !== 200) failure = httpFailure(headers[":status"] ?? 0);
  });
  stream.on("trailers", (headers) => {
    status = headers;
  });
  stream.on("data", (chunk: Buffer) => {
    if (over || frames.push(chunk)) return;
    failure = grpcFailure("INTERNAL", "the server sent a compressed message that cannot be read");
    cancel(stream);
  });
  stream.on("error", (error) => {
    reason = ` (${error.message})`;
  });
  function finish(): void {
    if (over) return;
    over = true;
    if (status !== undefined) failure = statusOf(status) ?? failure;
    // Node makes up a code where the connection went away.
    else if (session === undefined || session.destroyed)
      failure ??= lostFailure(`the connection was lost${reason}`);
    else failure ??= resetFailure(stream.rstCode);
    if (failure === undefined && frames.isPartial)
      failure = grpcFailure("INTERNAL", "the last message is incomplete");
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
