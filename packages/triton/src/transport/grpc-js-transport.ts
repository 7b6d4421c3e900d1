import type { ChannelInterface, ChannelOptions, Client, Metadata } from "@grpc/grpc-js";
import { StrainflowError } from "@strainflow/series";
import type { CallLimits } from "../call-options.ts";
import type { Address } from "./address.ts";
import { headerSource, tlsOptions } from "./credentials.ts";
import { unframed } from "./grpc-frames.ts";
import {
  ABORTED,
  abortedFailure,
  codeFailure,
  type GrpcFailure,
  grpcFailure,
  isGrpcFailure,
  lostFailure,
  MAX_ATTEMPTS,
  refusedFailure,
} from "./grpc-status.ts";
import { type Compression, STREAM_PATH, type Transport, type TransportOptions } from "./transport.ts";

/*
 * - Messages have no limit: an update is as large as it is.
 * - A pool of subchannels of its own makes a new channel a new connection.
 * - A stateful request is never sent twice by itself, so no retries.
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
  "grpc.primary_user_agent": "strainflow-triton",
};

/* gRPC's numbers of two statuses. */
const CANCELLED = 1;
const UNAVAILABLE = 14;

/*
 * What grpc-js says of REFUSED_STREAM, which it also takes a GOAWAY for that leaves a stream out. It would make such calls
 * again by itself, had it not been told to keep what was sent in no buffer of its own.
 */
const REFUSED = "Stream refused by server";

/* grpc-js's own numbers of them. */
const COMPRESSION_NUMBERS: Readonly<Record<Compression, number>> = { deflate: 1, gzip: 2 };

type Call = ReturnType<ChannelInterface["createCall"]>;

interface Opened {
  readonly grpc: typeof import("@grpc/grpc-js");
  readonly client: Client;
}

/**
 * gRPC by `@grpc/grpc-js`: the channel's own calls, without the Node streams around them, which each message would pay
 * for.
 *
 * @param onDiscard told once, when the connection is given up
 */
export function createGrpcJsTransport(
  address: Address,
  options: TransportOptions,
  onDiscard: () => void,
): Transport {
  const { ca = null, key = null, cert = null, servername } = tlsOptions(options);
  let opened: Opened | undefined;

  /** Its modules are a fourth of the client's heap, and are loaded where they are wanted. */
  async function open(): Promise<Opened> {
    const grpc = await import("@grpc/grpc-js");
    if (closed) throw lostFailure("the connection was given up");
    opened ??= {
      grpc,
      client: new grpc.Client(
        address.target,
        address.secure ? grpc.credentials.createSsl(ca, key, cert) : grpc.credentials.createInsecure(),
        {
          ...CHANNEL_OPTIONS,
          ...(servername === undefined ? {} : { "grpc.ssl_target_name_override": servername }),
          ...(options.compression === undefined
            ? {}
            : { "grpc.default_compression_algorithm": COMPRESSION_NUMBERS[options.compression] }),
          ...options.channelOptions,
        },
      ),
    };
    return opened;
  }

  const source = headerSource(options);
  const calls = new Set<Call>();
  let closed = false;

  function start(
    path: string,
    deadline: number,
    headers: Readonly<Record<string, string>> | undefined,
    onMessage: (message: Buffer) => void,
    onClosed: (failure: GrpcFailure | undefined) => void,
  ): Call {
    if (closed || opened === undefined) throw lostFailure("the connection was given up");
    const { grpc, client } = opened;
    let begun = false;
    const call = client.getChannel().createCall(path, deadline, null, null, null);
    calls.add(call);
    call.start(metadataOf(new grpc.Metadata(), { ...source.current(), ...headers }), {
      onReceiveMetadata() {
        begun = true;
      },
      onReceiveMessage(message: Buffer) {
        onMessage(message);
        call.startRead();
      },
      onReceiveStatus({ code, details }) {
        calls.delete(call);
        onClosed(failureOf(code, details, begun));
      },
    });
    call.startRead();
    return call;
  }

  async function attempt(
    path: string,
    message: Buffer,
    { signal, headers }: CallLimits,
    until: number,
  ): Promise<Buffer> {
    await source.refresh();
    await open();
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(abortedFailure());
      let response: Buffer | undefined;
      const call = start(
        path,
        until,
        headers,
        (bytes) => {
          response = bytes;
        },
        (failure) => {
          signal?.removeEventListener("abort", abort);
          if (failure !== undefined) reject(failure);
          else if (response === undefined) reject(grpcFailure("INTERNAL", "the answer has no message"));
          else resolve(response);
        },
      );
      function abort(): void {
        call.cancelWithStatus(CANCELLED, ABORTED);
      }
      signal?.addEventListener("abort", abort);
      call.sendMessageWithContext({}, message);
      call.halfClose();
    });
  }

  return {
    address: address.text,
    async ready(limitMs) {
      await source.refresh();
      const { client } = await open();
      await new Promise<void>((resolve, reject) => {
        client.waitForReady(Date.now() + limitMs, (cause) => {
          if (cause === undefined) resolve();
          else
            reject(
              new StrainflowError(
                "server-unavailable",
                `no connection to ${address.text} within ${limitMs} ms (${cause.message}); is a server listening there?`,
                { cause, details: { address: address.text } },
              ),
            );
        });
      });
    },
    stream(events) {
      const call = start(STREAM_PATH, Number.POSITIVE_INFINITY, undefined, events.message, events.closed);
      return {
        // One at a time: until the connection is there, the call has room for one.
        write(message) {
          call.sendMessageWithContext({ callback: () => events.drain() }, unframed(message));
          return false;
        },
        end: () => call.halfClose(),
        cancel: () => call.cancelWithStatus(CANCELLED, "given up by the client"),
      };
    },
    async unary(path, message, limits) {
      const until = Date.now() + limits.timeoutMs;
      const bytes = unframed(message);
      for (let attempts = 1; ; attempts++)
        try {
          return await attempt(path, bytes, limits, until);
        } catch (error) {
          if (!isGrpcFailure(error) || !error.refused || attempts === MAX_ATTEMPTS) throw error;
        }
    },
    discard() {
      if (closed) return;
      closed = true;
      onDiscard();
      opened?.client.close();
    },
    close() {
      closed = true;
      // Closing a channel leaves its calls open.
      for (const call of calls) call.cancelWithStatus(UNAVAILABLE, "the client was closed");
      opened?.client.close();
    },
  };
}

function failureOf(code: number | undefined, details: string, begun: boolean): GrpcFailure | undefined {
  // A compressed message that nobody asked for ends the call without a code.
  if (code === undefined) return grpcFailure("INTERNAL", "a message cannot be read: is it compressed?");
  if (code === UNAVAILABLE && details === REFUSED && !begun) return refusedFailure(details);
  return codeFailure(code, details);
}

function metadataOf(metadata: Metadata, headers: Readonly<Record<string, string>>): Metadata {
  for (const [name, value] of Object.entries(headers))
    metadata.set(name, name.toLowerCase().endsWith("-bin") ? Buffer.from(value, "base64") : value);
  return metadata;
}
