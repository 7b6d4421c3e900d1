import { GRPCInferenceService } from "@strainflow/proto";
import { invalidOption } from "@strainflow/series";
import { createClient, type TritonClient } from "./client.ts";
import type { StreamLimits } from "./streams/infer-call.ts";
import { parseAddress } from "./transport/address.ts";
import { tlsOptions } from "./transport/credentials.ts";
import { createGrpcLink } from "./transport/grpc-link.ts";
import type { Link } from "./transport/link.ts";
import { waitUntilReady } from "./transport/readiness.ts";
import type { HealthOptions } from "./transport/server-health.ts";
import { createServers } from "./transport/servers.ts";
import { COMPRESSIONS, type TransportOptions } from "./transport/transport.ts";

export interface ConnectOptions extends TransportOptions, HealthOptions, Partial<StreamLimits> {
  /** Milliseconds that the server (of several, one of them) may take to become ready. Default 10 000. */
  readonly waitMs?: number;
  /** Milliseconds that a unary call may take. Default 30 000. */
  readonly callTimeoutMs?: number;
  /**
   * TCP connections to each server that streams are dealt to in turn. Default 1: one carries more than one core can
   * encode; more of them where a balancer stands before several servers. Over HTTP, where a connection carries one
   * request at a time, default 16.
   */
  readonly connections?: number;
  /** Gives up waiting for the server. */
  readonly signal?: AbortSignal;
}

/**
 * Connects to a server, or to several that serve the same models, and waits until one is ready.
 *
 * @param address `host:port` or `grpc://host:port`, `grpcs://host:port` for TLS; `http://host:port` or
 *   `https://host:port` for HTTP with binary tensors, which has no streams. Several as an array.
 * @throws `server-unavailable`, `aborted`, `invalid-option`
 *
 * @example
 * ```ts
 * const client = await connect("grpc://127.0.0.1:8001");
 * const model = await client.model("matched-filter-stream");
 * ```
 */
export async function connect(
  address: string | readonly string[],
  options: ConnectOptions = {},
): Promise<TritonClient> {
  const addresses = (typeof address === "string" ? [address] : address).map(parseAddress);
  if (addresses.length === 0) throw invalidOption("connect", "address", "[]", "one address or more");
  const limits = streamLimits(options);
  const { connections, callTimeoutMs = 30_000, waitMs = 10_000 } = options;
  if (connections !== undefined && (!Number.isInteger(connections) || connections < 1))
    throw invalidOption("connect", "connections", connections, "a whole number of at least 1");
  // Connections are made when they are needed: what cannot be used is said now.
  tlsOptions(options);
  if (options.compression !== undefined && !COMPRESSIONS.includes(options.compression))
    throw invalidOption("connect", "compression", options.compression, COMPRESSIONS.join(" or "));
  const links: Link[] = [];
  for (const one of addresses) {
    if (one.protocol === "http") {
      // Its HTTP client takes a tenth of a second to load, and most connect by gRPC.
      const { createHttpLink } = await import("./transport/http-link.ts");
      links.push(createHttpLink(one, connections ?? HTTP_CONNECTIONS, options));
    } else links.push(createGrpcLink(one, connections ?? 1, options));
  }
  const servers = createServers(links, options);
  try {
    await waitUntilReady(links, waitMs, options.signal);
    const { name, version, extensions } = await servers.ask((link) =>
      link.call(GRPCInferenceService.method.serverMetadata, {}, { timeoutMs: callTimeoutMs }),
    );
    return createClient(servers, { name, version, extensions }, limits, callTimeoutMs);
  } catch (error) {
    servers.close();
    throw error;
  }
}

const HTTP_CONNECTIONS = 16;

function streamLimits(options: ConnectOptions): StreamLimits {
  const limits = {
    maxBytesInFlight: options.maxBytesInFlight ?? 64 * 1024 * 1024,
    maxQueued: options.maxQueued ?? 16,
    responseTimeoutMs: options.responseTimeoutMs ?? 30_000,
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
  };
  for (const [name, value] of Object.entries(limits))
    if (!(value >= 1)) throw invalidOption("connect", name, value, "a number of at least 1");
  return limits;
}
