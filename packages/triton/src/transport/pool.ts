import { invalidOption } from "@strainflow/series";
import type { Address } from "./address.ts";
import { createFramesTransport } from "./frames-transport.ts";
import { createGrpcJsTransport } from "./grpc-js-transport.ts";
import { createHttp2Transport } from "./http2-transport.ts";
import { TRANSPORTS, type Transport, type TransportName, type TransportOptions } from "./transport.ts";

/** A fixed number of connections to one server, made when first needed, dealt out in turn. */
export interface TransportPool {
  /** For a stream: the next in turn. */
  next(): Transport;
  /** For a single call: one connection of its own kind, or the streams' first where both go by the same. */
  unary(): Transport;
  close(): void;
}

/** @throws `invalid-option` */
export function createTransportPool(
  address: Address,
  connections: number,
  options: TransportOptions,
): TransportPool {
  const { transport = "grpc-js", channelOptions } = options;
  const unaryTransport = options.unaryTransport ?? unaryDefault(transport, channelOptions !== undefined);
  oneOf("transport", transport, TRANSPORTS);
  oneOf("unaryTransport", unaryTransport, TRANSPORTS);
  if (channelOptions !== undefined && transport !== "grpc-js" && unaryTransport !== "grpc-js")
    throw invalidOption("connect", "channelOptions", channelOptions, `absent with transport "${transport}"`);
  const create = CREATORS[transport];
  let single: Transport | undefined;
  const slots = new Array<Transport | undefined>(connections).fill(undefined);
  let turn = 0;

  function at(slot: number): Transport {
    const existing = slots[slot];
    if (existing !== undefined) return existing;
    const made = create(address, options, () => {
      if (slots[slot] === made) slots[slot] = undefined;
    });
    slots[slot] = made;
    return made;
  }

  return {
    next: () => at(turn++ % connections),
    unary() {
      if (unaryTransport === transport) return at(0);
      single ??= CREATORS[unaryTransport](address, options, () => {
        single = undefined;
      });
      return single;
    },
    close() {
      single?.close();
      single = undefined;
      for (const open of slots) open?.close();
      slots.fill(undefined);
    },
  };
}

const CREATORS: Readonly<Record<TransportName, typeof createGrpcJsTransport>> = {
  "grpc-js": createGrpcJsTransport,
  http2: createHttp2Transport,
  frames: createFramesTransport,
};

const PROXIES = ["grpc_proxy", "https_proxy", "http_proxy"];

/** Proxies and channel options are known to grpc-js alone. */
function unaryDefault(transport: TransportName, hasChannelOptions: boolean): TransportName {
  if (transport !== "grpc-js") return transport;
  return hasChannelOptions || PROXIES.some((name) => process.env[name]) ? "grpc-js" : "frames";
}

function oneOf(option: string, value: string, known: readonly string[]): void {
  if (!known.includes(value))
    throw invalidOption("connect", option, value, known.map((name) => `"${name}"`).join(" or "));
}
