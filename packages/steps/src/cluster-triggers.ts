import {
  checkSampleRate,
  endOf,
  indexToNs,
  invalidOption,
  type Step,
  type StepState,
} from "@strainflow/series";
import { halfWindow } from "./cluster.ts";
import { checkPlace } from "./continuity.ts";
import { type Peak, PeakWalk, type PeakWalkState } from "./peak-walk.ts";
import type { RankedTriggersBlock } from "./rank-triggers.ts";
import { takeState } from "./step-state.ts";
import type { Candidate } from "./stride-ranker.ts";

export interface ClusterTriggersOptions {
  /** Outputs per second of the ranked triggers: the stream's rate over the model's stride. */
  readonly sampleRate: number;
  /** Seconds: a detection is the loudest candidate within half a window after it. Default 1, which holds a signal's side peaks. */
  readonly clusterLength?: number;
  /** Least network statistic of a detection. */
  readonly threshold: number;
  /** Seconds of data after a detection in which there is no other. Default 0. */
  readonly refractoryLength?: number;
}

/** A candidate that has passed: who saw it, when, how loud. Records have an entry for each detector that took part. */
export interface Detection {
  readonly kind: "detection";
  /** GPS nanoseconds of the peak of the loudest detector: the network's time. */
  readonly gpsNs: bigint;
  /** Network SNR. */
  readonly statistic: number;
  /** SNR by detector. */
  readonly snr: Readonly<Record<string, number>>;
  /** GPS nanoseconds of each detector's peak. */
  readonly peakNs: Readonly<Record<string, bigint>>;
  /** Phase at each detector's peak, rad. */
  readonly phase: Readonly<Record<string, number>>;
  /** Place of the template in the bank. */
  readonly template: number;
  /** The input that it was computed from, `[startNs, endNs)`. */
  readonly inputSpan: { readonly startNs: bigint; readonly endNs: bigint };
}

interface State {
  readonly step: "cluster-triggers";
  readonly next: number | undefined;
  readonly inGap: boolean;
  readonly streamRate: number;
  readonly walk: PeakWalkState;
  readonly waiting: readonly (readonly [number, Candidate])[];
  readonly lastPeak: number | undefined;
}

/**
 * Makes detections of ranked triggers: the loudest candidate of each cluster window.
 *
 * The walk is that of `createCluster`, over the network statistic, and its rules hold here too: the same detections for any
 * chunking, each one half a window after its peak, and a gap closes what is open. The time of a detection is the peak time of
 * its loudest detector: the other detectors' peaks are weaker, and so their times are less certain.
 *
 * @throws `invalid-option`; on push `not-contiguous`
 */
export function createClusterTriggers(options: ClusterTriggersOptions): Step<RankedTriggersBlock, Detection> {
  const where = "createClusterTriggers";
  const sampleRate = checkSampleRate(where, options.sampleRate);
  const { clusterLength = 1, threshold, refractoryLength = 0 } = options;
  const half = halfWindow(where, sampleRate, clusterLength);
  if (!(threshold >= 0)) throw invalidOption(where, "threshold", threshold, "a network SNR ≥ 0");
  if (!(refractoryLength >= 0))
    throw invalidOption(where, "refractoryLength", refractoryLength, "a number of seconds ≥ 0");

  const walk = new PeakWalk(half);
  let next: number | undefined;
  let inGap = true;
  let streamRate = 0;
  /** Candidates that may still be the loudest, by output. */
  let waiting = new Map<number, Candidate>();
  let lastPeak: number | undefined;

  function detections(peaks: readonly Peak[]): Detection[] {
    const out: Detection[] = [];
    for (const { index, value } of peaks) {
      const candidate = waiting.get(index);
      if (candidate === undefined || !(value >= threshold)) continue;
      if (lastPeak !== undefined && index - lastPeak < refractoryLength * sampleRate) continue;
      lastPeak = index;
      out.push(detectionOf(candidate, streamRate));
    }
    for (const index of waiting.keys()) {
      if (index >= walk.start) break;
      waiting.delete(index);
    }
    return out;
  }

  function close(): Detection[] {
    const out = inGap ? [] : detections(walk.end());
    inGap = true;
    waiting = new Map();
    return out;
  }

  return {
    memory: "unbounded",
    latency: half,
    stride: 1,

    push(block: RankedTriggersBlock): readonly Detection[] {
      checkPlace(where, { sampleRate }, next, block);
      next = endOf(block);
      if (block.kind === "gap") return close();
      if (inGap) walk.begin(block.start);
      inGap = false;
      streamRate = block.streamRate;
      block.candidates.forEach((candidate, i) => {
        if (candidate !== undefined) waiting.set(block.start + i, candidate);
      });
      return detections(walk.push(block.statistic));
    },

    flush(): readonly Detection[] {
      const out = close();
      next = undefined;
      lastPeak = undefined;
      return out;
    },

    save(): StepState {
      const state: State = {
        step: "cluster-triggers",
        next,
        inGap,
        streamRate,
        walk: walk.save(),
        waiting: [...waiting],
        lastPeak,
      };
      return state;
    },

    restore(saved: StepState): void {
      const state = takeState<State>("cluster-triggers", saved);
      ({ next, inGap, streamRate, lastPeak } = state);
      waiting = new Map(state.waiting);
      walk.restore(state.walk);
    },
  };
}

function detectionOf(candidate: Candidate, streamRate: number): Detection {
  const { statistic, template, snr, phase, peakIndex, inputSpan } = candidate;
  const [loudest] = Object.entries(snr).sort(([, a], [, b]) => b - a);
  const peakNs = Object.fromEntries(
    Object.entries(peakIndex).map(([ifo, index]) => [ifo, indexToNs(index, streamRate)]),
  );
  return {
    kind: "detection",
    gpsNs: indexToNs(loudest === undefined ? inputSpan.start : peakIndex[loudest[0]]!, streamRate),
    statistic,
    snr,
    peakNs,
    phase,
    template,
    inputSpan: {
      startNs: indexToNs(inputSpan.start, streamRate),
      endNs: indexToNs(inputSpan.end, streamRate),
    },
  };
}
