import {
  type Block,
  checkSampleRate,
  endOf,
  invalidOption,
  type Step,
  type StepState,
} from "@strainflow/series";
import { checkPlace } from "./continuity.ts";
import { type Peak, PeakWalk, type PeakWalkState } from "./peak-walk.ts";
import type { ScoreEvent } from "./score-event.ts";
import { takeState } from "./step-state.ts";

export interface ClusterOptions {
  /** Outputs per second of the score series. */
  readonly sampleRate: number;
  /** Seconds: an event is the loudest within half a window after it, `⌊⌊sampleRate · clusterLength⌋ / 2⌋` outputs. aframe's is 8 s. */
  readonly clusterLength: number;
  /** Channels of the series, each clustered by itself. Default `["score"]`. */
  readonly channels?: readonly string[];
  /** Events below it are not emitted; the walk itself does not change. Default: none, as offline. */
  readonly threshold?: number;
  /**
   * Seconds after an emitted event in which the same channel emits no other, in the time of the data. Default 0.
   * aframe's online search counts 8 s of the computer's clock; ours depends on data alone.
   */
  readonly refractoryLength?: number;
}

interface ClusterState {
  readonly step: "cluster";
  readonly next: number | undefined;
  readonly inGap: boolean;
  readonly walks: readonly PeakWalkState[];
  readonly lastEvent: readonly (number | undefined)[];
}

/** Outputs in half a cluster window, as aframe counts them. @throws `invalid-option` if there is not even one */
export function halfWindow(where: string, sampleRate: number, clusterLength: number): number {
  const half = Math.floor(Math.floor(sampleRate * clusterLength) / 2);
  if (!(half >= 1) || !Number.isFinite(half))
    throw invalidOption(
      where,
      "clusterLength",
      clusterLength,
      `at least ${2 / sampleRate} s, two outputs at ${sampleRate} Hz`,
    );
  return half;
}

/**
 * Finds the events of a score series: peaks that are not exceeded within half a window after them.
 *
 * Source: aframe `Postprocessor.cluster` (`PeakWalk`). The streaming form gives the events of the whole series,
 * each as soon as it is certain: half a window after its peak. So a peak on a block's last sample waits for the next
 * block. A gap ends a series: what is open is decided with the samples there are, and the walk begins anew after it, with
 * the largest of the first half window. Events come in order of time, then of channels.
 *
 * In: `[channels, size]`. Out: events.
 *
 * @throws `invalid-option`; on push `not-contiguous`
 */
export function createCluster(options: ClusterOptions): Step<Block, ScoreEvent> {
  const where = "createCluster";
  const sampleRate = checkSampleRate(where, options.sampleRate);
  const { channels = ["score"], threshold = Number.NEGATIVE_INFINITY, refractoryLength = 0 } = options;
  const half = halfWindow(where, sampleRate, options.clusterLength);
  if (Number.isNaN(threshold)) throw invalidOption(where, "threshold", threshold, "a number");
  if (!(refractoryLength >= 0))
    throw invalidOption(where, "refractoryLength", refractoryLength, "a number of seconds ≥ 0");

  const walks = channels.map(() => new PeakWalk(half));
  let lastEvent: (number | undefined)[] = channels.map(() => undefined);
  let next: number | undefined;
  let inGap = true;

  function events(peaks: (walk: PeakWalk, channel: number) => Peak[]): ScoreEvent[] {
    const found = walks.flatMap((walk, c) => peaks(walk, c).map((peak) => ({ ...peak, c })));
    found.sort((a, b) => a.index - b.index || a.c - b.c);
    const out: ScoreEvent[] = [];
    for (const { index, value, c } of found) {
      const before = lastEvent[c];
      if (!(value >= threshold)) continue;
      if (before !== undefined && index - before < refractoryLength * sampleRate) continue;
      lastEvent[c] = index;
      out.push({ kind: "event", index, sampleRate, statistic: value, channel: channels[c]! });
    }
    return out;
  }

  return {
    memory: "unbounded",
    latency: half,
    stride: 1,

    push(block: Block): readonly ScoreEvent[] {
      checkPlace(where, { sampleRate, channels }, next, block);
      next = endOf(block);
      if (block.kind === "gap") {
        if (inGap) return [];
        inGap = true;
        return events((walk) => walk.end());
      }
      if (inGap) for (const walk of walks) walk.begin(block.start);
      inGap = false;
      return events((walk, c) => walk.push(block.data[c]!));
    },

    flush(): readonly ScoreEvent[] {
      const out = inGap ? [] : events((walk) => walk.end());
      next = undefined;
      inGap = true;
      lastEvent = channels.map(() => undefined);
      return out;
    },

    save(): StepState {
      const state: ClusterState = {
        step: "cluster",
        next,
        inGap,
        walks: walks.map((walk) => walk.save()),
        lastEvent: [...lastEvent],
      };
      return state;
    },

    restore(saved: StepState): void {
      const state = takeState<ClusterState>("cluster", saved);
      ({ next, inGap } = state);
      lastEvent = [...state.lastEvent];
      walks.forEach((walk, c) => {
        walk.restore(state.walks[c]!);
      });
    },
  };
}
