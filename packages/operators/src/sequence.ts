import type { Tensor } from "@strainflow/series";
import type { SkippedStrides, Update } from "@strainflow/steps";

/** What a lost stream cost. Nothing of the output is lost: this is for people and for logs. */
export interface Recovery {
  readonly reason: Error;
  /** The sequence that took over. */
  readonly sequenceId: bigint;
  /** Updates sent a second time: what the model's memory reaches, and what was in flight. */
  readonly updatesSentAgain: number;
  /** From the loss to the first new answer. */
  readonly afterMs: number;
}

export interface SequenceSessionOptions {
  /** Requests under way at once. */
  readonly maxInFlight: number;
  /** How long a lost server may stay away before the stream fails. */
  readonly giveUpAfterMs: number;
  readonly outputs?: readonly string[];
  readonly onLoss?: (error: Error) => void;
  readonly onRecovery?: (recovery: Recovery) => void;
}

export interface SequenceSessionEvents {
  /** Called in order, once for every update and every skipped stretch. */
  done(item: Update | SkippedStrides, outputs: Readonly<Record<string, Tensor>> | undefined): void;
  /** Whether nothing is waiting or under way. */
  idle(isIdle: boolean): void;
  /** All that was offered before `finish` is done. */
  finished(): void;
  failed(error: Error): void;
}

export interface SequenceSession {
  /** Queues an item; `last`: no other will follow, so that its request ends the sequence. */
  offer(item: Update | SkippedStrides, last: boolean): void;
  /** No more items. */
  finish(): void;
  /** Gives up: ends the sequence on the server, tells nobody. */
  cancel(): void;
}
