import { StrainflowError } from "@strainflow/series";
import type { Address } from "./address.ts";
import { lostFailure } from "./grpc-status.ts";

/** A connection that is made when it is needed, and made again when it was lost. */
export interface Redial<C> {
  /** The connection of now, if it takes new streams. */
  readonly usable: C | undefined;
  /** Makes the connection if there is none: one attempt. @throws its failure */
  attempt(limitMs: number): Promise<void>;
  /** Tries until `limitMs` are over. @throws `server-unavailable` */
  ready(limitMs: number): Promise<void>;
  /** Takes a connection out of use: the next attempt makes another. */
  retire(connection: C): void;
  /** No more attempts. @returns the connections that are there, those among them that serve old streams only */
  close(): readonly C[];
}

/* A supervised server is back within a second. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1000;

interface Dialled {
  readonly isUsable: boolean;
  readonly isClosed: boolean;
  leave(): void;
  destroy(): void;
}

export function createRedial<C extends Dialled>(
  address: Address,
  dial: (limitMs: number) => Promise<C>,
): Redial<C> {
  let current: C | undefined;
  /** All that may have streams still, the one of now among them. */
  let alive: readonly C[] = [];
  let dialling: Promise<void> | undefined;
  let closed = false;

  async function open(limitMs: number): Promise<void> {
    try {
      const made = await dial(limitMs);
      if (closed) made.destroy();
      else {
        current = made;
        alive = [...alive.filter(({ isClosed }) => !isClosed), made];
      }
    } finally {
      dialling = undefined;
    }
  }

  async function attempt(limitMs: number): Promise<void> {
    if (closed) throw lostFailure("the client was closed");
    if (current?.isUsable) return;
    dialling ??= open(limitMs);
    await dialling;
  }

  return {
    get usable() {
      return !closed && current?.isUsable ? current : undefined;
    },
    attempt,
    async ready(limitMs) {
      const started = performance.now();
      for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
        try {
          return await attempt(Math.max(1, limitMs - (performance.now() - started)));
        } catch (error) {
          if (closed || performance.now() - started + pauseMs > limitMs)
            throw unavailable(address, limitMs, error);
          await new Promise((resolve) => setTimeout(resolve, pauseMs));
        }
      }
    },
    retire(connection) {
      if (current === connection) current = undefined;
      connection.leave();
    },
    close() {
      closed = true;
      return alive;
    },
  };
}

function unavailable(address: Address, limitMs: number, cause: unknown): StrainflowError {
  return new StrainflowError(
    "server-unavailable",
    `no connection to ${address.text} within ${limitMs} ms (${reasonOf(cause)}); is a server listening there?`,
    { cause, details: { address: address.text } },
  );
}

/** Where a name has several addresses, Node's error has a reason for each and no message of its own. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof AggregateError) || error.message !== "")
    return error instanceof Error ? error.message : String(error);
  return error.errors.map(reasonOf).join("; ");
}
