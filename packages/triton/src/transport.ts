import { type ChannelOptions, Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { StrainflowError } from "@strainflow/series";
import type { Address } from "./address.ts";

/** A bidirectional call, in bytes. One write at a time: the next one after `written`. */
export interface TransportCall {
  write(message: Buffer, written: () => void): void;
  end(): void;
  cancel(): void;
}

export interface TransportEvents {
  message(message: Buffer): void;
  /** The call is over; `failure` unless the other side ended it in order. */
  closed(failure: Error | undefined): void;
}

/** One connection to a server. */
export interface Transport {
  readonly address: string;
  /** @throws `server-unavailable` if there is no connection within `limitMs` */
  ready(limitMs: number): Promise<void>;
  stream(events: TransportEvents): TransportCall;
  /** @throws gRPC's own error */
  unary(path: string, request: Uint8Array, timeoutMs: number): Promise<Buffer>;
  /** Not to be used for anything new: the next one to ask gets a fresh connection. */
  discard(): void;
}

/** How connections are made. */
export interface TransportOptions {
  /** Sent with every call: authorisation, for example. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Certificates (PEM) that a `grpcs://` server's must be signed by; the system's when absent. */
  readonly rootCertificates?: Uint8Array;
  /** Any option of grpc-js, over ours. */
  readonly channelOptions?: Readonly<ChannelOptions>;
}

const STREAM_PATH = "/inference.GRPCInferenceService/ModelStreamInfer";

/*
 * - Messages have no limit: an update is as large as it is.
 * - A pool of subchannels of its own makes a new channel a new connection.
 * - A stateful request is never sent twice by itself, so no retries, and no buffer for them.
 * - A wide flow-control window: the default of 64 KiB stops a 1 MiB response fifteen times.
 * - Reconnection is tried soon: a supervised server is back within a second.
 * - No keepalive: Triton answers pings on a quiet connection with GOAWAY.
 */
const CHANNEL_OPTIONS: ChannelOptions = {
  "grpc.max_send_message_length": -1,
  "grpc.max_receive_message_length": -1,
  "grpc.use_local_subchannel_pool": 1,
  "grpc.enable_retries": 0,
  "grpc.service_config_disable_resolution": 1,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 1000,
  "grpc-node.flow_control_window": 8 * 1024 * 1024,
};

/** @param onDiscard told once, when the connection is given up */
export function createTransport(
  address: Address,
  options: TransportOptions,
  onDiscard: () => void,
): Transport & { close(): void } {
  const roots = options.rootCertificates;
  const client = new Client(
    address.target,
    address.secure
      ? credentials.createSsl(roots === undefined ? null : Buffer.from(roots))
      : credentials.createInsecure(),
    { ...CHANNEL_OPTIONS, ...options.channelOptions },
  );
  let discarded = false;

  function metadata(): Metadata {
    const headers = new Metadata();
    for (const [name, value] of Object.entries(options.headers ?? {})) headers.set(name, value);
    return headers;
  }

  return {
    address: address.text,
    ready: (limitMs) =>
      new Promise((resolve, reject) => {
        client.waitForReady(Date.now() + limitMs, (cause) => {
          if (cause === undefined) resolve();
          else
            reject(
              new StrainflowError(
                "server-unavailable",
                `no connection to ${address.text} within ${limitMs} ms; is a server listening there?`,
                { cause, details: { address: address.text } },
              ),
            );
        });
      }),
    stream(events) {
      // The channel's own call, without the Duplex around it: a third of the cost of a small update.
      const call = client
        .getChannel()
        .createCall(STREAM_PATH, Number.POSITIVE_INFINITY, undefined, null, undefined);
      call.start(metadata(), {
        onReceiveMetadata() {},
        onReceiveMessage(message: Buffer) {
          events.message(message);
          call.startRead();
        },
        onReceiveStatus({ code, details }) {
          events.closed(code === status.OK ? undefined : new Error(`${status[code]}: ${details}`));
        },
      });
      call.startRead();
      return {
        write: (message, written) => call.sendMessageWithContext({ callback: written }, message),
        end: () => call.halfClose(),
        cancel: () => call.cancelWithStatus(status.CANCELLED, "given up by the client"),
      };
    },
    unary: (path, request, timeoutMs) =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest<Uint8Array, Buffer>(
          path,
          (message) => Buffer.from(message.buffer, message.byteOffset, message.byteLength),
          (message) => message,
          request,
          metadata(),
          { deadline: Date.now() + timeoutMs },
          (failure: ServiceError | null, response) => {
            if (failure !== null) reject(failure);
            else resolve(response ?? Buffer.alloc(0));
          },
        );
      }),
    discard() {
      if (discarded) return;
      discarded = true;
      onDiscard();
      client.close();
    },
    close: () => client.close(),
  };
}
