import {
  type Block,
  checkSampleRate,
  endOf,
  invalidOption,
  type SampleArray,
  type Step,
  type StepState,
} from "@strainflow/series";
import { checkPlace } from "./continuity.ts";
import { createIntegrate } from "./integrate.ts";
import type { ScoreEvent } from "./score-event.ts";
import { takeState } from "./step-state.ts";

export interface OnlineSearchOptions {
  /** Outputs per second: aframe's online rate is 512 Hz. */
  readonly sampleRate: number;
  /** Outputs per search; aframe searches each second of data. Updates begin at absolute multiples of it. */
  readonly updateSize: number;
  /** Seconds of the boxcar, as in `createIntegrate`. */
  readonly integrationLength: number;
  /**
   * Outputs per second on which the background was measured (aframe's offline rate), a divisor of `sampleRate`: the
   * statistic is the boxcar mean of every `sampleRate / significanceRate`-th output. Default `sampleRate`.
   */
  readonly significanceRate?: number;
  /** Least statistic of an event. */
  readonly threshold: number;
  /** Seconds after an event in which there is no other, in the time of the data (aframe counts the computer's clock). */
  readonly refractoryLength: number;
}

interface State {
  readonly step: "online-search";
  readonly next: number | undefined;
  readonly pending: Float64Array;
  readonly timing: StepState;
  readonly significance: StepState;
  readonly rising: Peak | undefined;
  readonly lastEvent: number | undefined;
}

interface Peak {
  readonly index: number;
  readonly value: number;
}

const CHANNELS = ["score"];

/**
 * aframe's online search: at most one event per update, as soon as its peak is over.
 *
 * Raw outputs are integrated twice, from zeros: at the rate of the background for the statistic, at the full rate for
 * the time. The largest statistic of an update is an event if it reaches the threshold, at the time of the largest
 * full-rate mean. If it is the update's last value the score may still be rising: then the event is the largest of the
 * first update after it in which the score rises no further, whatever its size. A gap, or the end, on a rising score gives
 * what there is, and integration begins anew after a gap.
 *
 * Against `createCluster` it trades the half window of waiting for events that are not the largest around. Source: aframe
 * `online.utils.searcher.Searcher.search` and `online.utils.buffer.OutputBuffer`.
 *
 * In: raw scores of one channel. Out: events at `sampleRate`.
 *
 * @throws `invalid-option`; on push `not-contiguous`
 */
export function createOnlineSearch(options: OnlineSearchOptions): Step<Block, ScoreEvent> {
  const where = "createOnlineSearch";
  const sampleRate = checkSampleRate(where, options.sampleRate);
  const {
    updateSize,
    integrationLength,
    threshold,
    refractoryLength,
    significanceRate = sampleRate,
  } = options;
  const thinning = sampleRate / checkSampleRate(where, significanceRate);
  if (!Number.isInteger(thinning))
    throw invalidOption(
      where,
      "significanceRate",
      significanceRate,
      `a divisor of the sample rate, ${sampleRate} Hz`,
    );
  if (!Number.isInteger(updateSize) || updateSize < thinning || updateSize % thinning !== 0)
    throw invalidOption(
      where,
      "updateSize",
      updateSize,
      `a multiple of ${thinning}, the outputs per value of the statistic`,
    );
  if (Number.isNaN(threshold)) throw invalidOption(where, "threshold", threshold, "a number");
  if (!(refractoryLength >= 0))
    throw invalidOption(where, "refractoryLength", refractoryLength, "a number of seconds ≥ 0");

  const timing = createIntegrate({ sampleRate, integrationLength, compatibility: "aframe" });
  const significance = createIntegrate({
    sampleRate: significanceRate,
    integrationLength,
    compatibility: "aframe",
  });

  /** Just past the newest sample. */
  let next: number | undefined;
  /** Outputs of the update that is not complete. */
  let pending: Float64Array = new Float64Array(0);
  /** The peak of an update that was still rising at its end. */
  let rising: Peak | undefined;
  let lastEvent: number | undefined;

  function emit(peak: Peak): ScoreEvent[] {
    if (lastEvent !== undefined && peak.index - lastEvent < refractoryLength * sampleRate) return [];
    lastEvent = peak.index;
    return [{ kind: "event", index: peak.index, sampleRate, statistic: peak.value, channel: CHANNELS[0]! }];
  }

  function search(start: number, raw: Float64Array): ScoreEvent[] {
    const precise = means(timing, start, sampleRate, raw);
    // The last of every `thinning` outputs, as the reference takes them.
    const first = Math.floor(start / thinning);
    const kept = Float64Array.from(
      { length: Math.floor((start + raw.length) / thinning) - first },
      (_, i) => raw[(first + i + 1) * thinning - 1 - start]!,
    );
    if (kept.length === 0) return [];
    const values = means(significance, first, significanceRate, kept);
    const loudest = largest(values);
    const peak = { index: start + largest(precise), value: values[loudest]! };
    if (rising === undefined && !(peak.value >= threshold)) return [];
    const rises = loudest === values.length - 1 && !(rising !== undefined && rising.value >= peak.value);
    rising = rises ? peak : undefined;
    return rises ? [] : emit(peak);
  }

  function close(): ScoreEvent[] {
    const out = next !== undefined && pending.length > 0 ? search(next - pending.length, pending) : [];
    pending = new Float64Array(0);
    if (rising !== undefined) out.push(...emit(rising));
    rising = undefined;
    return out;
  }

  function pushSeries(start: number, samples: SampleArray): ScoreEvent[] {
    const joined = new Float64Array(pending.length + samples.length);
    joined.set(pending);
    joined.set(samples, pending.length);
    const out: ScoreEvent[] = [];
    const end = start + samples.length;
    let from = start - pending.length;
    for (;;) {
      const stop = (Math.floor(from / updateSize) + 1) * updateSize;
      if (stop > end) break;
      out.push(...search(from, joined.subarray(joined.length - (end - from), joined.length - (end - stop))));
      from = stop;
    }
    pending = joined.slice(joined.length - (end - from));
    return out;
  }

  return {
    memory: "unbounded",
    latency: 2 * updateSize - 1,
    stride: 1,

    push(block: Block): readonly ScoreEvent[] {
      checkPlace(where, { sampleRate, channels: CHANNELS }, next, block);
      if (block.kind === "series") {
        next = endOf(block);
        return pushSeries(block.start, block.data[0]!);
      }
      const out = close();
      next = endOf(block);
      // The reference resets everything; the boxcars know no other past than zeros after it.
      timing.flush();
      significance.flush();
      return out;
    },

    flush(): readonly ScoreEvent[] {
      const out = close();
      timing.flush();
      significance.flush();
      next = undefined;
      lastEvent = undefined;
      return out;
    },

    save(): StepState {
      const state: State = {
        step: "online-search",
        next,
        pending: pending.slice(),
        timing: timing.save(),
        significance: significance.save(),
        rising,
        lastEvent,
      };
      return state;
    },

    restore(saved: StepState): void {
      const state = takeState<State>("online-search", saved);
      ({ next, pending, rising, lastEvent } = state);
      timing.restore(state.timing);
      significance.restore(state.significance);
    },
  };
}

function means(
  boxcar: Step<Block, Block>,
  start: number,
  sampleRate: number,
  values: Float64Array,
): SampleArray {
  const [out] = boxcar.push({
    kind: "series",
    quantity: "score",
    start,
    size: values.length,
    sampleRate,
    channels: CHANNELS,
    data: [values],
  });
  // Under aframe's rules every input has its mean at once.
  return out?.kind === "series" ? out.data[0]! : new Float64Array(values.length);
}

/** Place of the first largest value; one that is not a number is never the largest. */
function largest(values: SampleArray): number {
  let best = 0;
  for (let i = 1; i < values.length; i++)
    if (values[i]! > values[best]! || Number.isNaN(values[best])) best = i;
  return best;
}
