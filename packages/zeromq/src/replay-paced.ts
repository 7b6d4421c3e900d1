import { setTimeout as sleep } from "node:timers/promises";
import {
  type Block,
  endOf,
  formatNs,
  indexToNs,
  invalidOption,
  type Quantity,
  type Reader,
  StrainflowError,
  secondsToNs,
  utcToGps,
} from "@strainflow/series";

/** Where {@link replayPaced} takes its blocks from: a reader (which can be read again), or any iterable. */
export type ReplayInput<Q extends Quantity> =
  | Pick<Reader<Q>, "blocks">
  | AsyncIterable<Block<Q>>
  | Iterable<Block<Q>>;

/** How {@link replayPaced} paces. */
export interface ReplayOptions {
  /** Seconds of data per second; 1 is real time, `Infinity` as fast as they are taken. Default 1. */
  readonly speed?: number;
  /** Ends the replay promptly. */
  readonly signal?: AbortSignal;
  /**
   * Moves the data in time: to GPS nanoseconds, or to now. The shift is a whole number of seconds (the first sample comes to
   * lie on that instant or less than a second after it), so that samples keep their place on the grid of any rate, several
   * detectors stay in step, and whatever is periodic within a second is cut as before.
   */
  readonly restampTo?: bigint | "now";
  /** Starts again at the end, for ever, each pass where the last one ended. Default false. */
  readonly loop?: boolean;
  /** The clock, for tests. Default: the process's monotonic one. */
  readonly clock?: ReplayClock;
}

export interface ReplayClock {
  /** Milliseconds on a clock that never jumps. */
  nowMs(): number;
  /** Resolves after `ms`, or once `signal` is aborted. */
  sleep(ms: number, signal: AbortSignal | undefined): Promise<void>;
}

const SYSTEM_CLOCK: ReplayClock = {
  nowMs: () => performance.now(),
  sleep: (ms, signal) =>
    sleep(Math.min(ms, 2 ** 31 - 1), undefined, signal === undefined ? {} : { signal }).catch(() => {}),
};

/**
 * Gives blocks out at the pace at which their data would come: a block that ends `t` seconds after the first sample is given
 * `t / speed` seconds after the first was asked for, counted from that one instant, so that no delay adds up. Late blocks come at once.
 *
 * Gaps are paced like data. A consumer that is too slow is waited for; the pace then catches up.
 *
 * @throws `replay-empty` if a second pass of `loop` has nothing to give: the input was an iterator, which can be read once
 */
export async function* replayPaced<Q extends Quantity>(
  input: ReplayInput<Q>,
  options: ReplayOptions = {},
): AsyncGenerator<Block<Q>> {
  const { speed = 1, signal, loop = false, clock = SYSTEM_CLOCK } = options;
  if (!(speed > 0)) throw invalidOption("replayPaced", "speed", speed, "a number above 0, or Infinity");
  let origin: { readonly atMs: number; readonly start: number } | undefined;
  /** Where the next block begins. */
  let next: number | undefined;
  let shift = 0;
  for (let pass = 0; pass === 0 || loop; pass++) {
    let count = 0;
    for await (const block of open(input, signal)) {
      if (signal?.aborted) return;
      if (next === undefined) shift = restampShift(block, options.restampTo);
      else if (count === 0) shift = next - block.start;
      count++;
      const moved = shift === 0 ? block : { ...block, start: block.start + shift };
      origin ??= { atMs: clock.nowMs(), start: moved.start };
      next = endOf(moved);
      const dueMs = origin.atMs + ((next - origin.start) / moved.sampleRate / speed) * 1000;
      for (let waitMs = dueMs - clock.nowMs(); waitMs > 0 && !signal?.aborted; waitMs = dueMs - clock.nowMs())
        await clock.sleep(waitMs, signal);
      if (signal?.aborted) return;
      yield moved;
    }
    if (signal?.aborted) return;
    if (loop && count === 0)
      throw new StrainflowError(
        "replay-empty",
        `pass ${pass + 1} of a looped replay had no blocks; give a reader, or an iterable that can be iterated again`,
      );
  }
}

function open<Q extends Quantity>(
  input: ReplayInput<Q>,
  signal: AbortSignal | undefined,
): AsyncIterable<Block<Q>> | Iterable<Block<Q>> {
  return "blocks" in input ? input.blocks({ signal: signal ?? new AbortController().signal }) : input;
}

/** Samples by which a replay is moved: whole seconds. */
function restampShift(first: Block, to: bigint | "now" | undefined): number {
  if (to === undefined) return 0;
  const target = to === "now" ? secondsToNs(utcToGps(new Date())) : to;
  const from = indexToNs(first.start, first.sampleRate);
  const second = 1_000_000_000n;
  const off = target - from;
  const seconds = off / second + (off % second > 0n ? 1n : 0n);
  const shift = Number(seconds) * first.sampleRate;
  if (!Number.isSafeInteger(first.start + shift) || first.start + shift < 0)
    throw invalidOption("replayPaced", "restampTo", formatNs(target), "a GPS time from 0 on");
  return shift;
}
