/**
 * Ties a source to the slowest asynchronous stage behind it, so that a reader pulls only while its own time is less
 * than `maxAhead` before what the pipeline has finished.
 *
 * A count of messages in flight would deadlock: an 8 s PSD needs 128 blocks of 1/16 s before anything comes out.
 */
export interface Flow {
  /**
   * An asynchronous stage joins, and from then on reports what it has finished.
   * The source waits for the slowest of those that have joined.
   */
  join(): FlowStage;
}

/** One asynchronous stage's side of a {@link Flow}. */
export interface FlowStage {
  /** All time before this GPS instant is finished. */
  covered(gpsNs: bigint): void;
  /** Whether nothing is under way in the stage, so that only more input can bring it forward. */
  idle(isIdle: boolean): void;
  /** The stage is done, or gone: it no longer holds the source. */
  leave(): void;
}
