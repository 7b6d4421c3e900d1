import { type ClientStream, connectHttp2, type Header } from "@strainflow/http2";
import { type Address, hostAndPort } from "./address.ts";
import { createCallReader } from "./call-reader.ts";
import { headerSource, tlsOptions } from "./credentials.ts";
import { compressed, type FramedMessage } from "./grpc-frames.ts";
import { abortedFailure, type GrpcFailure, grpcFailure, grpcTimeout, lostFailure } from "./grpc-status.ts";
import { createRedial, reasonOf } from "./redial.ts";
import { STREAM_PATH, type Transport, type TransportEvents, type TransportOptions } from "./transport.ts";

/**
 * gRPC on frames of our own, right on the socket. What it does not have: proxies, keepalive, retries.
 *
 * @param onDiscard told once, when the connection is given up
 */
export function createFramesTransport(
  address: Address,
  options: TransportOptions,
  onDiscard: () => void,
): Transport {
  const { host, port } = hostAndPort(address);
  const tls = address.secure ? tlsOptions(options) : undefined;
  const redial = createRedial(address, (timeoutMs) =>
    connectHttp2({ host, port, timeoutMs, ...(tls === undefined ? {} : { tls }) }),
  );
  const source = headerSource(options);
  const { compression } = options;
  const packed = (message: FramedMessage): FramedMessage =>
    compression === undefined ? message : compressed(message, compression);
  let discarded = false;

  const fixed: readonly Header[] = [
    [":method", "POST"],
    [":scheme", address.secure ? "https" : "http"],
    [":authority", address.target],
  ];
  const grpc: readonly Header[] = [
    ["te", "trailers"],
    ["content-type", "application/grpc"],
    ["user-agent", "strainflow-triton"],
    ...(compression === undefined
      ? []
      : ([
          ["grpc-encoding", compression],
          ["grpc-accept-encoding", "identity,deflate,gzip"],
        ] as const)),
  ];

  function begin(
    path: string,
    extra: Readonly<Record<string, string>>,
    events: TransportEvents,
  ): ClientStream {
    const client = redial.usable;
    if (client === undefined) throw lostFailure("the connection was lost");
    const own = Object.entries({ ...source.current(), ...extra }).map<Header>(([name, value]) => [
      name.toLowerCase(),
      value,
    ]);
    const headers = [...fixed, [":path", path] as const, ...grpc, ...own];
    const stream: ClientStream = client.request(
      headers,
      createCallReader({ ...events, giveUp: () => stream.reset() }),
    );
    return stream;
  }

  return {
    address: address.text,
    async ready(limitMs) {
      await source.refresh();
      await redial.ready(limitMs);
    },
    stream(events) {
      const stream = begin(STREAM_PATH, {}, events);
      return {
        write: (message) => stream.write(packed(message)),
        end: () => stream.end(),
        cancel: () => stream.reset(),
      };
    },
    async unary(path, message, { timeoutMs, signal, headers }) {
      const started = performance.now();
      await source.refresh();
      await redial.attempt(timeoutMs).catch((cause: unknown) => {
        throw lostFailure(reasonOf(cause));
      });
      const leftMs = Math.max(1, Math.round(timeoutMs - (performance.now() - started)));
      if (signal?.aborted) throw abortedFailure();
      return new Promise((resolve, reject) => {
        let response: Buffer | undefined;
        const stream = begin(
          path,
          { ...headers, "grpc-timeout": grpcTimeout(leftMs) },
          {
            message(bytes) {
              response = bytes;
            },
            drain: () => undefined,
            closed(failure) {
              settle();
              if (failure !== undefined) reject(failure);
              else if (response === undefined) reject(grpcFailure("INTERNAL", "the answer has no message"));
              else resolve(response);
            },
          },
        );
        function giveUp(failure: GrpcFailure): void {
          settle();
          stream.reset();
          reject(failure);
        }
        const timer = setTimeout(
          () => giveUp(grpcFailure("DEADLINE_EXCEEDED", `no answer within ${timeoutMs} ms`)),
          leftMs,
        );
        const abort = (): void => giveUp(abortedFailure());
        signal?.addEventListener("abort", abort);
        function settle(): void {
          clearTimeout(timer);
          signal?.removeEventListener("abort", abort);
        }
        stream.write(packed(message));
        stream.end();
      });
    },
    discard() {
      if (discarded) return;
      discarded = true;
      onDiscard();
      redial.close()?.leave();
    },
    close: () => redial.close()?.destroy(),
  };
}
