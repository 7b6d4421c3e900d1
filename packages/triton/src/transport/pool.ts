import type { Address } from "./address.ts";
import { chooseTransports } from "./choice.ts";
import { createFramesTransport } from "./frames-transport.ts";
import { createGrpcJsTransport } from "./grpc-js-transport.ts";
import type { Transport, TransportName, TransportOptions } from "./transport.ts";

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
  const { streams, calls } = chooseTransports(address, options);
  const create = CREATORS[streams];
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
      if (calls === streams) return at(0);
      single ??= CREATORS[calls](address, options, () => {
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
  frames: createFramesTransport,
};
