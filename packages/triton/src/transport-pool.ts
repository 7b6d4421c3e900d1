import { invalidOption } from "@strainflow/series";
import type { Address } from "./address.ts";
import { createGrpcJsTransport } from "./grpc-js-transport.ts";
import { createHttp2Transport } from "./http2-transport.ts";
import { TRANSPORTS, type Transport, type TransportOptions } from "./transport.ts";

/** A fixed number of connections to one server, made when first needed, dealt out in turn. */
export interface TransportPool {
  /** For a stream: the next in turn. */
  next(): Transport;
  /** For a unary call: the first. */
  first(): Transport;
  close(): void;
}

/** @throws `invalid-option` */
export function createTransportPool(
  address: Address,
  connections: number,
  options: TransportOptions,
): TransportPool {
  const { transport = "grpc-js", channelOptions } = options;
  if (!TRANSPORTS.includes(transport))
    throw invalidOption(
      "connect",
      "transport",
      transport,
      TRANSPORTS.map((name) => `"${name}"`).join(" or "),
    );
  if (transport !== "grpc-js" && channelOptions !== undefined)
    throw invalidOption("connect", "channelOptions", channelOptions, `absent with transport "${transport}"`);
  const create = transport === "grpc-js" ? createGrpcJsTransport : createHttp2Transport;
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
    first: () => at(0),
    close() {
      for (const open of slots) open?.close();
      slots.fill(undefined);
    },
  };
}
