import { type EventRecord, type InferUnary, StrainflowError } from "@strainflow/series";
import { type Attempt, type AttemptOptions, attemptEvent } from "./event-attempt.ts";

export interface RetryOptions extends AttemptOptions {
  /** How often the server may go away under one event before that is taken for its fault. */
  readonly attempts: number;
  /** How long the server may stay away, in ms. */
  readonly giveUpAfterMs: number;
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2000;

/**
 * Sends events to a server that may go away and come back: single requests keep no state there, so an event without an
 * answer is sent again.
 *
 * All events share what is known of the server: it is away from its first loss until any of them has an answer.
 *
 * @returns what sends one event; it rejects with `server-lost` once the server stayed away for `giveUpAfterMs`
 */
export function createRetrier(
  server: InferUnary,
  options: RetryOptions,
): (record: EventRecord, signal: AbortSignal) => Promise<Attempt> {
  let awaySince: number | undefined;
  /** Counts the times that the server has come back. */
  let returns = 0;

  return async (record, signal) => {
    let losses = 0;
    let lostAt = -1;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      const attempt = await attemptEvent(server, record, options, signal);
      if ("outputs" in attempt || attempt.reason !== "lost") {
        if (awaySince !== undefined) returns++;
        awaySince = undefined;
        return attempt;
      }
      awaySince ??= performance.now();
      // While it stays away, trying in vain is nobody's fault.
      if (lostAt !== returns) losses++;
      lostAt = returns;
      if (losses >= options.attempts) return attempt;
      if (performance.now() - awaySince >= options.giveUpAfterMs)
        throw new StrainflowError(
          "server-lost",
          `the server of model "${options.modelName}" was away for ${options.giveUpAfterMs} ms, and event ${record.id} still has no answer: ` +
            `${attempt.error.message}; start it again, and go on from this event`,
          {
            cause: attempt.error,
            details: { modelName: options.modelName, eventId: record.id, index: record.index },
          },
        );
      await pause(pauseMs, signal);
    }
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
