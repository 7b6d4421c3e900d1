import {
  checkSampleRate,
  endOf,
  type Gap,
  type GapReason,
  type InferenceBlock,
  invalidOption,
  reasonBeside,
  type Step,
  type StepState,
} from "@strainflow/series";
import { type CoincidenceWindow, coincidenceSize } from "./coincidence.ts";
import { checkPlace } from "./continuity.ts";
import { floatOutput } from "./output-tensor.ts";
import { takeState } from "./step-state.ts";
import { type Candidate, createStrideRanker } from "./stride-ranker.ts";

export interface RankTriggersOptions extends CoincidenceWindow {
  /** Detectors, in the order of the tensor. */
  readonly channels: readonly string[];
  /** Hz of the stream that went into the model. */
  readonly sampleRate: number;
  /** Samples of the stream between two outputs. */
  readonly strideSize: number;
  /** Number of templates. */
  readonly templates: number;
  /** Name of the model's output `[strides, detectors, templates, 3]`. Default `"triggers"`. */
  readonly output?: string;
  /**
   * Least SNR with which a detector takes part, for all or by detector. Default 4, as PyCBC Live: below it a
   * detector's peak is as good as always there.
   */
  readonly detectionThreshold?: number | Readonly<Record<string, number>>;
  /** Least number of detectors in a candidate. Default 2, or 1 where there is one detector only. */
  readonly minDetectors?: number;
  /** How far back the input of an output reaches, in samples of the stream (the model's `memory`). Default 0. */
  readonly memory?: number;
  /** The model's `latency`, in samples of the stream. Default 0. */
  readonly latency?: number;
}

/** For every output the network's statistic, and the candidate that it is of. */
export interface RankedTriggers {
  readonly kind: "triggers";
  /** Index of the first output, counted from the GPS epoch at `sampleRate`. */
  readonly start: number;
  readonly size: number;
  /** Outputs per second. */
  readonly sampleRate: number;
  /** Hz in which peaks and spans are counted. */
  readonly streamRate: number;
  readonly channels: readonly string[];
  /** Network SNR `√Σρ²`, float32; 0 where there is no candidate. */
  readonly statistic: Float32Array;
  readonly candidates: readonly (Candidate | undefined)[];
}

/** Ranked outputs, and gaps with their reasons, without a hole in time. */
export type RankedTriggersBlock = RankedTriggers | Gap<"triggers">;

interface State {
  readonly step: "rank-triggers";
  readonly next: number | undefined;
  readonly end: number;
  readonly runStart: number | undefined;
  readonly beside: GapReason;
  readonly rows: readonly Float32Array[];
}

/**
 * Finds, stride by stride, the best coincidence of the detectors' triggers.
 *
 * In: the model's `[strides, D, T, 3]`: for each detector and template the peak SNR ρ of the stride, the peak's offset in
 * it (samples), and its phase (rad). Out: for each stride the candidate with the largest `√Σρ²`, over detectors whose
 * peaks belong to the same template and lie, each with each, within light-travel time and pad. A candidate belongs to the
 * stride of its loudest peak, and its other peaks may lie in a neighbouring stride; so a result waits for the stride after
 * it, and a stride beside a gap has none (`spoiled`; `warm-up` and `edge` at the ends of the stream).
 *
 * A detector takes part only with an SNR of at least `detectionThreshold`, and of two or more detectors two have to:
 * so one loud glitch, with noise in the other detector, is no candidate by itself. With a single detector the statistic is
 * its SNR. A model gives one peak per stride, detector and template: a louder peak in the same stride hides a coincident one.
 *
 * @throws `invalid-option`; on push `not-contiguous`, `malformed-output`
 */
export function createRankTriggers(options: RankTriggersOptions): Step<InferenceBlock, RankedTriggersBlock> {
  const where = "createRankTriggers";
  const { channels, strideSize, templates, output = "triggers", detectionThreshold = 4 } = options;
  const { memory = 0, latency = 0 } = options;
  const streamRate = checkSampleRate(where, options.sampleRate);
  if (channels.length < 1) throw invalidOption(where, "channels", "[]", "one detector or more");
  if (!Number.isInteger(strideSize) || strideSize < 1 || streamRate % strideSize !== 0)
    throw invalidOption(where, "strideSize", strideSize, `a divisor of the sample rate, ${streamRate} Hz`);
  if (!Number.isInteger(templates) || templates < 1)
    throw invalidOption(where, "templates", templates, "a whole number ≥ 1");
  const { minDetectors = Math.min(2, channels.length) } = options;
  if (!Number.isInteger(minDetectors) || minDetectors < 1 || minDetectors > channels.length)
    throw invalidOption(where, "minDetectors", minDetectors, `a whole number from 1 to ${channels.length}`);
  const thresholds = channels.map((ifo) => {
    const least =
      typeof detectionThreshold === "number" ? detectionThreshold : (detectionThreshold[ifo] ?? 4);
    if (!(least >= 0)) throw invalidOption(where, `detectionThreshold (${ifo})`, least, "an SNR ≥ 0");
    return least;
  });
  const windows = channels.map((a) =>
    channels.map((b) => (a === b ? 0 : coincidenceSize(where, a, b, streamRate, options))),
  );
  const rank = createStrideRanker({
    channels,
    templates,
    strideSize,
    thresholds,
    windows,
    minDetectors,
    memory,
    latency,
  });
  /** How many strides away the peaks of a candidate can be. */
  const reach = Math.ceil(Math.max(...windows.flat()) / strideSize);
  const outputRate = streamRate / strideSize;
  const frame = channels.length * templates * 3;

  /** First output that is not emitted yet. */
  let next: number | undefined;
  let end = 0;
  let runStart: number | undefined;
  let beside: GapReason = "warm-up";
  /** The newest strides of the run, the last one being `end − 1`. */
  let rows: Float32Array[] = [];

  function gap(start: number, stop: number, reason: GapReason): Gap<"triggers"> {
    return {
      kind: "gap",
      quantity: "triggers",
      start,
      size: stop - start,
      sampleRate: outputRate,
      channels,
      reason,
    };
  }

  function ranked(from: number, to: number): RankedTriggers {
    const candidates = Array.from({ length: to - from }, (_, i) => {
      const newest = rows.length - (end - 1 - (from + i));
      return rank(from + i, rows.slice(newest - 1 - reach, newest + reach));
    });
    return {
      kind: "triggers",
      start: from,
      size: to - from,
      sampleRate: outputRate,
      streamRate,
      channels,
      statistic: Float32Array.from(candidates, (candidate) => candidate?.statistic ?? 0),
      candidates,
    };
  }

  return {
    memory: reach,
    latency: reach,
    stride: 1,

    push(block: InferenceBlock): readonly RankedTriggersBlock[] {
      checkPlace(where, { sampleRate: outputRate, channels }, next === undefined ? undefined : end, block);
      const from = next ?? block.start;
      end = endOf(block);
      if (block.kind === "gap") {
        next = end;
        runStart = undefined;
        beside = reasonBeside(block.reason);
        rows = [];
        const own: Gap<"triggers"> = { ...block, quantity: "triggers" };
        return from < block.start ? [gap(from, block.start, reasonBeside(block.reason)), own] : [own];
      }
      const values = floatOutput(where, block, output, frame);
      const triggers = values instanceof Float32Array ? values : Float32Array.from(values);
      for (let i = 0; i < block.size; i++) rows.push(triggers.subarray(i * frame, (i + 1) * frame));
      runStart ??= block.start;
      const out: RankedTriggersBlock[] = [];
      const whole = Math.max(runStart + reach, from);
      const until = end - reach;
      const blank = Math.min(whole, end);
      if (blank > from) out.push(gap(from, blank, beside));
      next = Math.max(from, blank);
      if (until > next) {
        out.push(ranked(next, until));
        next = until;
      }
      rows = rows.slice(Math.max(0, rows.length - 2 * reach));
      return out;
    },

    flush(): readonly RankedTriggersBlock[] {
      const out = next !== undefined && next < end ? [gap(next, end, "edge")] : [];
      next = undefined;
      runStart = undefined;
      beside = "warm-up";
      rows = [];
      return out;
    },

    save(): StepState {
      const state: State = {
        step: "rank-triggers",
        next,
        end,
        runStart,
        beside,
        rows: rows.map((row) => row.slice()),
      };
      return state;
    },

    restore(saved: StepState): void {
      const state = takeState<State>("rank-triggers", saved);
      ({ next, end, runStart, beside } = state);
      rows = [...state.rows];
    },
  };
}
