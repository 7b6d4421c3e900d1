import {
  type Block,
  checkSampleRate,
  invalidOption,
  type SampleArray,
  type Step,
  type StepState,
} from "@strainflow/series";
import { type Core, type CoreChunk, createCoverage } from "./coverage.ts";
import { takeState } from "./step-state.ts";

export interface IntegrateOptions {
  /** Outputs per second of the score series. */
  readonly sampleRate: number;
  /** Seconds of the boxcar: `⌊sampleRate · integrationLength⌋ + 1` outputs. aframe's is 1 s. */
  readonly integrationLength: number;
  /** Default `["score"]`. */
  readonly channels?: readonly string[];
  /**
   * `"aframe"`: what lies before the stream began, or before the last gap ended, counts as zero and the sum is still
   * divided by the full window, so the first values are low but there are no gaps. By default there are gaps instead.
   */
  readonly compatibility?: "aframe";
}

/** Outputs in the boxcar of an integration, `⌊rate · length⌋ + 1`: both ends of the length count (aframe). */
export function integrationSize(sampleRate: number, integrationLength: number): number {
  return Math.floor(sampleRate * integrationLength) + 1;
}

/**
 * Causal boxcar mean of a score series.
 *
 * Output k is the mean of inputs `k − N + 1 … k`, with `N = ⌊sampleRate · integrationLength⌋ + 1`. Its stamp is that of
 * the newest input in it. Each sum is made of partial sums that begin and end at absolute multiples of N, so that it
 * depends on its own N inputs alone: no drift, the same bytes for any chunking, and a NaN is gone after N outputs.
 *
 * In and out: `[channels, size]`; out float64. The first N − 1 outputs are `warm-up`, those that reach into a gap
 * `spoiled` (see `compatibility`).
 *
 * @throws `invalid-option`; on push `not-contiguous`
 */
export function createIntegrate(options: IntegrateOptions): Step<Block, Block<"score">> {
  const where = "createIntegrate";
  const sampleRate = checkSampleRate(where, options.sampleRate);
  const { integrationLength, channels = ["score"] } = options;
  if (!(integrationLength >= 0) || !Number.isFinite(integrationLength))
    throw invalidOption(where, "integrationLength", integrationLength, "a number of seconds ≥ 0");
  const size = integrationSize(sampleRate, integrationLength);
  const reference = options.compatibility === "aframe";
  return createCoverage({
    where,
    core: createBoxcar(size, channels.length),
    sampleRate,
    channels,
    quantity: "score",
    // The reference has a value everywhere; with no memory to fill, every gap begins the core anew from zeros.
    back: reference ? 0 : size - 1,
    ahead: 0,
    memory: reference ? 0 : size - 1,
  });
}

interface BoxcarState {
  readonly step: "integrate";
  readonly next: number;
  readonly sums: readonly ChannelSums[];
}

/** Partial sums of one channel over the anchored stretches `[jN, (j + 1)N)`. */
interface ChannelSums {
  /** Inputs of the stretch that is being filled. */
  readonly current: Float64Array;
  /** `suffix[p]`: sum from place p to the end of the stretch before it. */
  readonly suffix: Float64Array;
  /** Sum of the current stretch so far. */
  prefix: number;
}

function createBoxcar(size: number, channels: number): Core {
  let next = 0;
  let sums: readonly ChannelSums[] = [];

  function means(sum: ChannelSums, samples: SampleArray): Float64Array {
    const { current, suffix } = sum;
    const out = new Float64Array(samples.length);
    let place = placeOf(next, size);
    for (let i = 0; i < out.length; i++) {
      const value = samples[i]!;
      current[place] = value;
      sum.prefix = place === 0 ? value : sum.prefix + value;
      if (place < size - 1) {
        out[i] = (suffix[place + 1]! + sum.prefix) / size;
        place++;
      } else {
        out[i] = sum.prefix / size;
        let total = 0;
        for (let p = size - 1; p >= 0; p--) {
          total += current[p]!;
          suffix[p] = total;
        }
        place = 0;
      }
    }
    return out;
  }

  return {
    begin(start: number): void {
      next = start;
      sums = Array.from({ length: channels }, () => ({
        current: new Float64Array(size),
        suffix: new Float64Array(size),
        prefix: 0,
      }));
    },
    push(data: readonly SampleArray[], count: number): readonly CoreChunk[] {
      const chunk = { start: next, data: sums.map((sum, c) => means(sum, data[c]!)) };
      next += count;
      return [chunk];
    },
    save: (): StepState => structuredClone({ step: "integrate", next, sums } satisfies BoxcarState),
    restore(state: StepState): void {
      ({ next, sums } = takeState<BoxcarState>("integrate", state));
    },
  };
}

/** Place of an absolute index in its stretch; indexes before the epoch count too. */
function placeOf(index: number, size: number): number {
  return ((index % size) + size) % size;
}
