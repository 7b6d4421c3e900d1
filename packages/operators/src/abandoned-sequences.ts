/** Sequences that were given up on a lost stream, and may hold a slot of the server until they are ended. */
export interface AbandonedSequences {
  /** `begun`: the server has answered its START, so that nothing of it is still to come. */
  add(id: bigint, begun: boolean): void;
  /** Those to send an END for now. Each counts as sent from then on. */
  due(): readonly bigint[];
  /** All that are left, due or not: for the last words on a stream. */
  all(): readonly bigint[];
  /** What the server said to an END. */
  answered(id: bigint, error: Error | undefined): void;
  /** The stream that carried them is lost: what was not answered is due again. */
  lost(): void;
}

interface Abandoned {
  readonly begun: boolean;
  sent: boolean;
  dueAtMs: number;
  tries: number;
}

/**
 * Milliseconds until the next END for a sequence that the server does not know, though its START was sent: that START
 * may still be on its way, and would take a slot when it arrives. After these, 23 minutes in all, no system would still
 * carry it (Linux gives a connection up after a quarter of an hour).
 */
const PAUSES_MS = [1000, 4000, 16_000, 64_000, 256_000, 1_024_000];

/** @param now milliseconds of a clock that never goes back */
export function createAbandonedSequences(now: () => number = () => performance.now()): AbandonedSequences {
  const byId = new Map<bigint, Abandoned>();

  return {
    add(id, begun) {
      byId.set(id, { begun, sent: false, dueAtMs: now(), tries: 0 });
    },
    due() {
      const ids: bigint[] = [];
      for (const [id, sequence] of byId) {
        if (sequence.sent || sequence.dueAtMs > now()) continue;
        sequence.sent = true;
        ids.push(id);
      }
      return ids;
    },
    all: () => [...byId.keys()],
    answered(id, error) {
      const sequence = byId.get(id);
      if (sequence === undefined) return;
      const pauseMs = PAUSES_MS[sequence.tries++];
      // Ended; or unknown, and nothing of it can come any more.
      if (error === undefined || sequence.begun || pauseMs === undefined) byId.delete(id);
      else {
        sequence.sent = false;
        sequence.dueAtMs = now() + pauseMs;
      }
    },
    lost() {
      for (const sequence of byId.values()) sequence.sent = false;
    },
  };
}
