import type { Block, Quantity, StreamFormat } from "./time-series.ts";

/** A source that is pulled: files, mostly. */
export interface Reader<Q extends Quantity = Quantity> {
  /** Rate and channels of what it reads, known before the first block. */
  readonly format: StreamFormat;
  /** First sample, absolute. */
  readonly start: number;
  /** Just past the last sample; absent where the end is not known. */
  readonly end?: number;
  /**
   * The blocks, in order and without a hole in time: what is not there comes as a gap.
   *
   * A source owns its teardown: abort `signal` and the iterator ends promptly, files closed, also while a read is on.
   */
  blocks(options: { readonly signal: AbortSignal }): AsyncIterable<Block<Q>>;
}

/** A sink that blocks are written to. */
export interface Writer<Q extends Quantity = Quantity> {
  write(block: Block<Q>): void | Promise<void>;
  /** Completes the output, and only then gives it its final name. */
  close(): Promise<void>;
  /** Gives up, and leaves nothing behind. */
  abort(): Promise<void>;
}
