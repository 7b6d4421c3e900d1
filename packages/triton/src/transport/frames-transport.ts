import { type ClientStream, connectHttp2, type Header } from "@strainflow/http2";
import { type Address, hostAndPort } from "./address.ts";
import { createCallReader } from "./call-reader.ts";
import { headerSource, tlsOptions } from "./credentials.ts";
import { compressed, type FramedMessage } from "./grpc-frames.ts";
import { lostFailure, refusedFailure } from "./grpc-status.ts";
import { createRedial, reasonOf } from "./redial.ts";
import { singleCall } from "./single-call.ts";
import { STREAM_PATH, type Transport, type TransportEvents, type TransportOptions } from "./transport.ts";

/**
 * gRPC on frames of our own, right on the socket. What it does not have: proxies, HTTP/2 pings.
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
    if (client === undefined) throw refusedFailure("the connection was lost");
    const own = Object.entries({ ...source.current(), ...extra }).map<Header>(([name, value]) => [
      name.toLowerCase(),
      value,
    ]);
    const headers = [...fixed, [":path", path] as const, ...grpc, ...own];
    const stream: ClientStream = client.request(
      headers,
      createCallReader({
        ...events,
        closed(failure) {
          // Whoever makes the call again does so on another connection.
          if (failure?.refused) redial.retire(client);
          events.closed(failure);
        },
        giveUp: () => stream.reset(),
      }),
    );
    return stream;
  }

  async function connect(limitMs: number): Promise<void> {
    await source.refresh();
    await redial.attempt(limitMs).catch((cause: unknown) => {
      throw lostFailure(reasonOf(cause));
    });
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
    unary: (path, message, limits) =>
      singleCall(
        { connect, begin: (headers, events) => begin(path, headers, events) },
        packed(message),
        limits,
      ),
    discard() {
      if (discarded) return;
      discarded = true;
      onDiscard();
      for (const connection of redial.close()) connection.leave();
    },
    close() {
      for (const connection of redial.close()) connection.destroy();
    },
  };
}
