import type { ArrowLimits } from "@strainflow/arrow";
import { type Block, type GapReason, type Quantity, type Reader, StrainflowError } from "@strainflow/series";
import { createBlockQueue, type Overflow } from "./block-queue.ts";
import type { MessageHeader } from "./header.ts";
import { createIncomingStream, type MessageCounts, type Notice } from "./incoming-stream.ts";

/** Every sample from the source's `start` on, exactly once: `used + gap + late === total`. */
export interface LiveStats extends Readonly<MessageCounts> {
  /** Samples given out with values. */
  readonly used: number;
  /** Samples given out as gaps, but for the late ones; by reason in `gaps`. */
  readonly gap: number;
  /** Samples given away because they did not come in time. */
  readonly late: number;
  readonly total: number;
  readonly gaps: Readonly<Partial<Record<GapReason, number>>>;
  /**
   * How the source ended: `ended` by the sender, `stalled` (nothing came for `stallTimeoutMs`), `closed` from this side,
   * `failed` with an error; `open` while it lives.
   */
  readonly ending: "open" | "ended" | "stalled" | "closed" | "failed";
}

/** A stream that comes by itself: the reader of one set of channels. Its blocks can be read once. */
export interface LiveSource<Q extends Quantity = Quantity> extends Reader<Q> {
  stats(): LiveStats;
}

export interface LiveSourceOptions<Q extends Quantity> {
  readonly channels: readonly string[];
  readonly quantity: Q;
  /** Seconds of data. */
  readonly maxBuffered: number;
  readonly overflow: Overflow;
  readonly stallTimeoutMs: number;
  readonly lateAfterMs: number;
  readonly lateJoin: "gap" | "skip";
  readonly limits: ArrowLimits;
  readonly notice: (notice: Notice) => void;
  /** Whether receiving itself waits for room, so that silence means nothing. */
  readonly paused: () => boolean;
  /** Room or hunger may have changed. */
  readonly changed: () => void;
}

/** The receiver's side of a live source. */
export interface Intake<Q extends Quantity> {
  readonly source: LiveSource<Q>;
  readonly channels: readonly string[];
  readonly ended: boolean;
  readonly full: boolean;
  readonly starving: boolean;
  take(header: MessageHeader, payload: Uint8Array): void;
  close(): void;
}

export function createIntake<Q extends Quantity>(
  first: MessageHeader,
  options: LiveSourceOptions<Q>,
): Intake<Q> {
  const { channels, stallTimeoutMs, lateAfterMs } = options;
  const { sampleRate } = first;
  const stream = createIncomingStream(first, options);
  const maxSize = Math.max(1, Math.round(options.maxBuffered * sampleRate));
  const queue = createBlockQueue<Q>(maxSize, options.overflow, options.changed);
  const gaps: Partial<Record<GapReason, number>> = {};
  let used = 0;
  let gap = 0;
  let late = 0;
  let ending: LiveStats["ending"] = "open";
  let started = false;
  let stallTimer: NodeJS.Timeout | undefined;
  let lateTimer: NodeJS.Timeout | undefined;
  /** The least that arrival ever lay behind the data's own time, in ms. */
  let lead = Number.POSITIVE_INFINITY;
  let lastSize = 0;

  const give = (blocks: readonly Block<Q>[]): void => {
    for (const block of blocks) {
      const given = queue.push(block);
      if (given.kind === "series") used += given.size;
      else {
        gaps[given.reason] = (gaps[given.reason] ?? 0) + given.size;
        if (given.reason === "late") late += given.size;
        else gap += given.size;
        if (given.reason === "overflow")
          options.notice({
            kind: "overflow",
            message: `${channels.join(", ")}: no room for ${given.size} samples at ${given.start}`,
          });
      }
    }
  };

  const finish = (how: LiveStats["ending"], error?: unknown): void => {
    if (ending !== "open") return;
    ending = how;
    clearTimeout(stallTimer);
    clearTimeout(lateTimer);
    if (how === "failed") queue.fail(error);
    else queue.end();
  };

  const onStall = (): void => {
    if (options.paused()) return armStall();
    const { plannedEnd, next } = stream;
    const detail = `nothing came for ${stallTimeoutMs} ms`;
    options.notice({
      kind: "stalled",
      message: `${channels.join(", ")}: ${detail}; ${plannedEnd === undefined ? "how much is missing is not known" : `${plannedEnd - next} samples are missing`}`,
    });
    if (plannedEnd !== undefined) give(stream.giveUp(plannedEnd, "lost", detail));
    finish("stalled");
  };

  const armStall = (): void => {
    clearTimeout(stallTimer);
    if (Number.isFinite(stallTimeoutMs)) stallTimer = setTimeout(onStall, stallTimeoutMs);
  };

  /** Waits for the next message as long as it may take, counted from the earliest that one ever came. */
  const armLate = (): void => {
    clearTimeout(lateTimer);
    if (!Number.isFinite(lateAfterMs) || !Number.isFinite(lead) || lastSize === 0) return;
    const until = stream.next + lastSize;
    const dueMs = lead + (until / sampleRate) * 1000 + lateAfterMs;
    lateTimer = setTimeout(
      () => {
        const { plannedEnd } = stream;
        if (options.paused()) return armLate();
        give(
          stream.giveUp(
            Math.min(until, plannedEnd ?? until),
            "late",
            `not here ${lateAfterMs} ms after it was due`,
          ),
        );
        armLate();
      },
      Math.min(2 ** 31 - 1, Math.max(1, dueMs - Date.now())),
    );
  };

  const take = (header: MessageHeader, payload: Uint8Array): void => {
    if (ending !== "open") return;
    try {
      give(stream.take(header, payload));
    } catch (error) {
      finish("failed", error);
      return;
    }
    if (queue.failed) return finish("failed");
    if (header.kind === "data") {
      lead = Math.min(lead, Date.now() - ((header.start + header.size) / sampleRate) * 1000);
      lastSize = header.size;
    }
    if (stream.ended) return finish("ended");
    armStall();
    armLate();
  };

  async function* blocks({ signal }: { readonly signal: AbortSignal }): AsyncGenerator<Block<Q>> {
    if (started)
      throw new StrainflowError(
        "zeromq-read-twice",
        `${channels.join(", ")}: a live source can be read once only`,
      );
    started = true;
    for (;;) {
      const block = await queue.shift(signal);
      if (block === undefined) return;
      yield block;
    }
  }

  const source: LiveSource<Q> = {
    format: { sampleRate, channels },
    start: stream.start,
    ...(first.streamEnd === undefined ? {} : { end: first.streamEnd }),
    blocks,
    stats: () => ({
      ...stream.counts,
      used,
      gap,
      late,
      total: stream.next - stream.start,
      gaps: { ...gaps },
      ending,
    }),
  };
  return {
    source,
    channels,
    get ended() {
      return ending !== "open";
    },
    get full() {
      return queue.full;
    },
    get starving() {
      return queue.starving;
    },
    take,
    close: () => finish("closed"),
  };
}
