import type { SkippedStrides, Update } from "@strainflow/steps";

/** What was offered to a sequence, and what became of it. */
export interface LogEntry {
  readonly item: Update | SkippedStrides;
  /** The request with it ends the sequence. */
  readonly last: boolean;
  done: boolean;
}

/** Index of the first entry that is not done; past the end where all are. */
export function firstOpen(log: readonly LogEntry[]): number {
  const index = log.findIndex((entry) => !entry.done);
  return index < 0 ? log.length : index;
}

/**
 * Where a new sequence has to begin so that its state at `resumeAt` is that of the old one: as many updates back as the
 * memory reaches, or to where the sequence began with all zeros before it.
 */
export function replayFrom(log: readonly LogEntry[], resumeAt: number, memoryUpdates: number): number {
  const at = (log[resumeAt] ?? log[resumeAt - 1])?.item;
  let from = resumeAt;
  while (from > 0 && resumeAt - from < memoryUpdates) {
    const before = log[from - 1]!.item;
    const here = log[from]?.item;
    if (before.sequence !== at?.sequence || before.data === undefined) break;
    if (here?.data !== undefined && here.first) break;
    from--;
  }
  return from;
}
