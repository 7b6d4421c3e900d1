import { type Block, type Quantity, StrainflowError } from "@strainflow/series";

export type Overflow = "error" | "gap" | "wait";

/** Entries that a queue may hold, whatever their size: gaps without samples cost memory too. */
const MAX_ENTRIES = 65_536;

/** What lies between a socket that cannot be paused and a pipeline that may be slow. */
export interface BlockQueue<Q extends Quantity> {
  /** Takes a block; what has no room becomes a gap, or fails the queue. Gives what it became. */
  push(block: Block<Q>): Block<Q>;
  /** No more will come; what is there is still given out. */
  end(): void;
  /** As `end`, and then the reader gets `error`. */
  fail(error: unknown): void;
  /** The next block, or nothing at the end or once `signal` is aborted. */
  shift(signal: AbortSignal): Promise<Block<Q> | undefined>;
  readonly full: boolean;
  /** It ends with an error. */
  readonly failed: boolean;
  /** A reader waits and there is nothing for it. */
  readonly starving: boolean;
  /** Samples with values that wait. */
  readonly size: number;
}

/**
 * A queue of at most `maxSize` samples with values.
 *
 * @param changed is told whenever `full` or `starving` may have changed
 */
export function createBlockQueue<Q extends Quantity>(
  maxSize: number,
  overflow: Overflow,
  changed: () => void,
): BlockQueue<Q> {
  const blocks: Block<Q>[] = [];
  let size = 0;
  let over: { readonly error?: unknown } | undefined;
  let wake: (() => void) | undefined;

  const signalReader = (): void => {
    wake?.();
    wake = undefined;
  };
  const isFull = (): boolean => size >= maxSize || blocks.length >= MAX_ENTRIES;

  const append = (block: Block<Q>): void => {
    const last = blocks.at(-1);
    // Neighbouring gaps of one kind become one, and so does anything that follows a gap in a queue of too many entries.
    if (
      block.kind === "gap" &&
      last?.kind === "gap" &&
      ((last.reason === block.reason && last.detail === block.detail) || blocks.length >= MAX_ENTRIES)
    )
      blocks[blocks.length - 1] = { ...last, size: last.size + block.size };
    else blocks.push(block);
    if (block.kind === "series") size += block.size;
    signalReader();
  };

  return {
    push: (block) => {
      if (over !== undefined) return block;
      if (block.kind === "gap" || !isFull()) {
        append(block);
        changed();
        return block;
      }
      const { quantity, sampleRate, channels, start } = block;
      const facts = { quantity, sampleRate, channels, start, size: block.size };
      const gap: Block<Q> = {
        kind: "gap",
        ...facts,
        reason: "overflow",
        detail: `a buffer of ${maxSize} samples was full`,
      };
      if (overflow === "gap") append(gap);
      else {
        over = {
          error: new StrainflowError(
            "zeromq-overflow",
            `${channels.join(", ")}: the pipeline is slower than the stream, and the buffer of ${maxSize} samples ` +
              `(${maxSize / sampleRate} s) was full at sample ${start}; speed it up, raise maxBuffered, or accept gaps with overflow: "gap"`,
            { details: { channels, start, maxSize } },
          ),
        };
        signalReader();
      }
      changed();
      return gap;
    },
    end: () => {
      over ??= {};
      signalReader();
      changed();
    },
    fail: (error) => {
      over ??= { error };
      signalReader();
      changed();
    },
    shift: async (signal) => {
      while (!signal.aborted) {
        const block = blocks.shift();
        if (block !== undefined) {
          if (block.kind === "series") size -= block.size;
          changed();
          return block;
        }
        if (over !== undefined) {
          if (over.error !== undefined) throw over.error;
          return undefined;
        }
        await new Promise<void>((resolve) => {
          const stop = (): void => {
            signal.removeEventListener("abort", stop);
            resolve();
          };
          wake = stop;
          signal.addEventListener("abort", stop, { once: true });
          changed();
        });
        wake = undefined;
      }
      return undefined;
    },
    get full() {
      return over === undefined && isFull();
    },
    get failed() {
      return over?.error !== undefined;
    },
    get starving() {
      return wake !== undefined;
    },
    get size() {
      return size;
    },
  };
}
