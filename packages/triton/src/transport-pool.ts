import type { Address } from "./address.ts";
import { createTransport, type Transport, type TransportOptions } from "./transport.ts";

/** A fixed number of connections to one server, made when first needed, dealt out in turn. */
export interface TransportPool {
  /** For a stream: the next in turn. */
  next(): Transport;
  /** For a unary call: the first. */
  first(): Transport;
  close(): void;
}

export function createTransportPool(
  address: Address,
  connections: number,
  options: TransportOptions,
): TransportPool {
  const slots = new Array<Transport | undefined>(connections).fill(undefined);
  let turn = 0;

  function at(slot: number): Transport {
    const existing = slots[slot];
    if (existing !== undefined) return existing;
    const made = createTransport(address, options, () => {
      if (slots[slot] === made) slots[slot] = undefined;
    });
    slots[slot] = made;
    return made;
  }

  return {
    next: () => at(turn++ % connections),
    first: () => at(0),
    close() {
      for (const transport of slots) transport?.close();
      slots.fill(undefined);
    },
  };
}
