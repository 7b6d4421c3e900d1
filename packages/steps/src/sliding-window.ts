import {
  type Block,
  checkSampleRate,
  endOf,
  type Gap,
  type GapReason,
  invalidOption,
  type Quantity,
  reasonBeside,
  type Step,
  type StepState,
  type TimeSeries,
} from "@strainflow/series";
import { checkPlace } from "./continuity.ts";
import { History, type HistoryState } from "./history.ts";
import { takeState } from "./step-state.ts";

export interface SlidingWindowOptions {
  /** Hz of the stream. */
  readonly sampleRate: number;
  /** Channels of the stream, in order. */
  readonly channels: readonly string[];
  /** Samples of one window. */
  readonly windowSize: number;
  /** Samples between two windows, 1 … `windowSize`. */
  readonly strideSize: number;
}

/** One window of a stream, and the stride that it stands for. */
export interface Window<Q extends Quantity = Quantity> {
  readonly kind: "window";
  /** The stride `[start, start + size)` with which the window ends; `start` is a multiple of the stride. */
  readonly start: number;
  readonly size: number;
  readonly sampleRate: number;
  readonly channels: readonly string[];
  /** The samples `[start + size − windowSize, start + size)`, as views; `side` is that of the newest block in it. */
  readonly series: TimeSeries<Q>;
}

/** Windows stride after stride, and gaps where there is none: no hole in time. */
export type WindowBlock<Q extends Quantity = Quantity> = Window<Q> | Gap<Q>;

interface WindowState {
  readonly step: "sliding-window";
  readonly next: number | undefined;
  readonly end: number;
  readonly runStart: number | undefined;
  readonly beside: GapReason;
  readonly quantity: string | undefined;
  readonly history: HistoryState;
}

/**
 * Cuts a stream into overlapping windows, one per stride.
 *
 * Windows end at absolute multiples of `strideSize` counted from the GPS epoch, so two runs over the same time cut the
 * same windows. A window is made of data alone: while it would reach back before the stream began, its stride is a gap
 * (`warm-up`), and where it touches a gap it is one (`spoiled`); the gap itself passes on with its own reason. At the
 * end of the stream an unfinished stride is an `edge`.
 *
 * In: `[channels, any size]`. Out: `[channels, windowSize]` per stride, views of one copy of the stream.
 *
 * @throws `invalid-option`; on push `not-contiguous`
 */
export function createSlidingWindow<Q extends Quantity = Quantity>(
  options: SlidingWindowOptions,
): Step<Block<Q>, WindowBlock<Q>> {
  const { windowSize, strideSize, channels } = options;
  const where = "createSlidingWindow";
  const sampleRate = checkSampleRate(where, options.sampleRate);
  if (!Number.isInteger(windowSize) || windowSize < 1)
    throw invalidOption(where, "windowSize", windowSize, "a whole number of samples ≥ 1");
  if (!Number.isInteger(strideSize) || strideSize < 1 || strideSize > windowSize)
    throw invalidOption(
      where,
      "strideSize",
      strideSize,
      `a whole number of samples from 1 to windowSize (${windowSize})`,
    );

  const history = new History(windowSize + strideSize);
  /** First sample that no output covers yet. */
  let next: number | undefined;
  /** Just past the newest sample. */
  let end = 0;
  /** First sample of the data without gaps that are now arriving; absent inside a gap. */
  let runStart: number | undefined;
  let beside: GapReason = "warm-up";
  let quantity: Q | undefined;

  function gap(start: number, stop: number, reason: GapReason, of: Q): Gap<Q> {
    return { kind: "gap", quantity: of, start, size: stop - start, sampleRate, channels, reason };
  }

  function pushSeries(block: TimeSeries<Q>, from: number): readonly WindowBlock<Q>[] {
    runStart ??= block.start;
    history.append(block.start, block.data);
    const out: WindowBlock<Q>[] = [];
    const firstWhole = (Math.ceil((runStart + windowSize) / strideSize) - 1) * strideSize;
    const lastEnd = Math.floor(end / strideSize) * strideSize;
    let at = from;
    const ready = Math.min(firstWhole, lastEnd);
    if (ready > at) {
      out.push(gap(at, ready, beside, block.quantity));
      at = ready;
    }
    for (; at >= firstWhole && at < lastEnd; at += strideSize) {
      const start = at + strideSize - windowSize;
      const data = history.view(start, start + windowSize);
      const series: TimeSeries<Q> = { ...block, start, size: windowSize, data };
      out.push({ kind: "window", start: at, size: strideSize, sampleRate, channels, series });
    }
    next = at;
    history.forgetBefore(Math.floor(at / strideSize + 1) * strideSize - windowSize);
    return out;
  }

  return {
    memory: windowSize - strideSize,
    latency: strideSize - 1,
    stride: 1,

    push(block: Block<Q>): readonly WindowBlock<Q>[] {
      checkPlace(where, options, next === undefined ? undefined : end, block);
      const from = next ?? block.start;
      end = endOf(block);
      quantity = block.quantity;
      if (block.kind === "series") return pushSeries(block, from);
      next = end;
      runStart = undefined;
      beside = reasonBeside(block.reason);
      history.clear();
      return from < block.start
        ? [gap(from, block.start, reasonBeside(block.reason), block.quantity), block]
        : [block];
    },

    flush(): readonly WindowBlock<Q>[] {
      const out =
        next !== undefined && next < end && quantity !== undefined ? [gap(next, end, "edge", quantity)] : [];
      next = undefined;
      runStart = undefined;
      beside = "warm-up";
      history.clear();
      return out;
    },

    save(): StepState {
      const state: WindowState = {
        step: "sliding-window",
        next,
        end,
        runStart,
        beside,
        quantity,
        history: history.save(),
      };
      return state;
    },

    restore(saved: StepState): void {
      const state = takeState<WindowState & { readonly quantity: Q | undefined }>("sliding-window", saved);
      ({ next, end, runStart, beside, quantity } = state);
      history.restore(state.history);
    },
  };
}
