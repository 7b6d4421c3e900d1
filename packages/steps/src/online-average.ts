import { invalidOption, type SampleArray } from "@strainflow/series";
import { AverageRing } from "./average-ring.ts";

/**
 * What becomes of output blocks that fewer than `numUpdates` kernels reach, at the start of a stream and beside a gap:
 * - `"drop"`: they are left out (a gap, in the step);
 * - `"partial"`: they are the mean of the kernels there are;
 * - `"reference"`: they are divided by `numUpdates` all the same, as ml4gw and hermes do, so they come out too small.
 */
export type AverageWarmup = "drop" | "partial" | "reference";

export interface AverageOptions {
  /** Samples by which one kernel is newer than the one before it (U). */
  readonly updateSize: number;
  /** Kernels that are averaged (N): the newest `N · U` samples of each are used. */
  readonly numUpdates: number;
  /** Samples of one kernel. */
  readonly kernelSize: number;
  /** Channels of a kernel. Default 1. */
  readonly channels?: number;
  /** Samples at the newest end of each kernel that are not used (ml4gw's `offset`; hermes has none). Default 0. */
  readonly offset?: number;
  /** Default `"reference"`: a server's aggregator has to give what ml4gw's and hermes' give. */
  readonly warmup?: AverageWarmup;
}

/** What {@link AverageState.save} gives. */
export interface AverageSnapshot {
  /** For each of the `numUpdates − 1` unfinished blocks, oldest first, how many kernels it has. */
  readonly counts: readonly number[];
  /** Sums `[channels, (numUpdates − 1) · updateSize]`, oldest first, not yet divided. */
  readonly sums: Float64Array;
}

/** An overlap-add mean over kernels that arrive one after another. */
export interface AverageState {
  /**
   * Takes kernels `[B, C, kernelSize]`, any B, row-major, and gives the finished blocks `[C, n · U]` in their float type;
   * n is B, less what `warmup: "drop"` leaves out. Block b covers the oldest U of the N·U samples that kernel b uses.
   */
  update(kernels: SampleArray): SampleArray;
  /**
   * The last `(N − 1) · U` samples, `[C, (N − 1) · U]` float64, which fewer than N kernels reach: hermes loses them.
   * They are divided by the number of kernels there are (under `"reference"`, by N). The state is then as new.
   */
  flush(): Float64Array;
  /**
   * What the reference keeps, divided by N: ml4gw `[C, (N − 1)·U]`, or hermes' layout, which ends in `padding` zeros
   * per channel (its batch times U).
   */
  reference(padding?: number): Float32Array;
  save(): AverageSnapshot;
  restore(saved: AverageSnapshot): void;
  reset(): void;
}

/**
 * The online averager of ml4gw (`nn.streaming.OnlineAverager`) and hermes quiver.
 *
 * Output block b is `(1/N) Σ_{m=0}^{min(b, N−1)} y_{b−m}[len − K + mU : len − K + (m+1)U]` with `K = N·U` and `len` the kernel
 * less `offset`: it lags the newest sample used by `(N − 1)·U`. Sums are float64 and kernels are added in the order of
 * their coming, so the batch size does not show in the result.
 *
 * @throws `invalid-option`
 */
export function createAverageState(options: AverageOptions): AverageState {
  const ring = new AverageRing(options);
  const { channels, updateSize, numUpdates } = ring;
  const { kernelSize, warmup = "reference" } = options;
  const frame = channels * kernelSize;

  function collect(blocks: readonly FinishedBlock[], out: SampleArray): void {
    blocks.forEach(({ sums, divisor }, b) => {
      for (let c = 0; c < channels; c++)
        for (let i = 0; i < updateSize; i++)
          out[(c * blocks.length + b) * updateSize + i] = sums[c * updateSize + i]! / divisor;
    });
  }

  return {
    update(kernels: SampleArray): SampleArray {
      if (kernels.length % frame !== 0)
        throw invalidOption(
          "AverageState",
          "kernels.length",
          kernels.length,
          `a multiple of ${frame} (${channels} channels × ${kernelSize} samples)`,
        );
      const blocks: FinishedBlock[] = [];
      for (let at = 0; at < kernels.length; at += frame) {
        ring.add(kernels.subarray(at, at + frame));
        const { sums, count } = ring.finish();
        const divisor = divisorOf(count, numUpdates, warmup);
        if (divisor !== undefined) blocks.push({ sums, divisor });
      }
      const size = blocks.length * channels * updateSize;
      const out = kernels instanceof Float32Array ? new Float32Array(size) : new Float64Array(size);
      collect(blocks, out);
      return out;
    },
    flush(): Float64Array {
      const blocks: FinishedBlock[] = [];
      for (let b = 1; b < numUpdates; b++) {
        const { sums, count } = ring.finish();
        blocks.push({ sums, divisor: warmup === "reference" ? numUpdates : Math.max(count, 1) });
      }
      const out = new Float64Array(blocks.length * channels * updateSize);
      collect(blocks, out);
      ring.reset();
      return out;
    },
    reference: (padding = 0): Float32Array => {
      const kept = (numUpdates - 1) * updateSize;
      const { sums } = ring.save();
      const out = new Float32Array(channels * (kept + padding));
      for (let c = 0; c < channels; c++)
        for (let i = 0; i < kept; i++) out[c * (kept + padding) + i] = sums[c * kept + i]! / numUpdates;
      return out;
    },
    save: () => ring.save(),
    restore: (saved) => {
      ring.restore(saved);
    },
    reset: () => {
      ring.reset();
    },
  };
}

interface FinishedBlock {
  readonly sums: Float64Array;
  readonly divisor: number;
}

/** By what a sum of `count` kernels is divided; `undefined` where there is no value. */
export function divisorOf(count: number, numUpdates: number, warmup: AverageWarmup): number | undefined {
  if (count === numUpdates) return numUpdates;
  if (count === 0 || warmup === "drop") return undefined;
  return warmup === "partial" ? count : numUpdates;
}
