import type { LatencySummary } from "./latency-summary.ts";
import type { Load } from "./load.ts";
import type { ServerFigures } from "./server-figures.ts";
import type { Window } from "./window.ts";

/** What one load showed, over its last windows. */
export interface LevelResult {
  readonly load: Load;
  /** Whether the last three windows agreed. */
  readonly steady: boolean;
  /** All of them, the warm-up not. */
  readonly windows: readonly Window[];
  /** Of those that are reported on. */
  readonly seconds: number;
  /** Requests that are reported on: those that were to be sent in these windows. */
  readonly requests: number;
  readonly failed: number;
  /** Answers that were not what they should have been. */
  readonly wrong: number;
  /** Requests without an answer when the wait for them was over; in `latency` with as long as they had waited by then. */
  readonly unanswered: number;
  readonly responses: number;
  readonly requestsPerSecond: number;
  /** Requests times their batch. */
  readonly inferencesPerSecond: number;
  /**
   * From when a request was *to be sent* to its answer, failed ones not. So a server that stalls is charged with all
   * that waited for it, not with the one request that it held.
   */
  readonly latency?: LatencySummary;
  /** From when it was sent. Equal to `latency` where the load is a concurrency. */
  readonly afterSending?: LatencySummary;
  /** The percentile of the goal, in milliseconds, if there is a goal. */
  readonly goalMs?: number;
  readonly generator: GeneratorFigures;
  readonly server?: ServerFigures;
  readonly errors: readonly { readonly message: string; readonly count: number }[];
  /** The first few answers that were wrong, in words. */
  readonly wrongs: readonly string[];
}

/** How the load generator itself did. */
export interface GeneratorFigures {
  readonly processes: number;
  /** Share of the time in which the busiest process's event loop was busy, 0 to 1. */
  readonly utilization: number;
  /** How late requests were sent by its own fault, not because others were under way. */
  readonly lag?: LatencySummary;
  /** Requests that waited for others: too many under way, or their sequences busy. */
  readonly held: number;
  /** Mean time to encode and write a request, in microseconds. */
  readonly sendUs: number;
  /** Why its figures say more of the generator than of the server, and what to do; absent where they do not. */
  readonly bottleneck?: string;
}
