import { invalidOption } from "@strainflow/series";
import { positive, type SequencePlacement } from "./model-config.ts";
import type { Model } from "./repository.ts";
import { type SnapshotStream, snapshotModel } from "./snapshot-model.ts";

/** A snapshotter of one stream. */
export interface SnapshotterOptions extends SequencePlacement {
  /** Default `snapshotter`. */
  readonly name?: string;
  /**
   * Number of channels, or the sizes of groups of channels: one output per group, in order. A group of 0 is one channel
   * whose snapshots have no axis for it, `[B, L]`.
   */
  readonly channels: number | readonly number[];
  /** Samples of a snapshot, L. */
  readonly snapshotSize: number;
  /** Samples between two snapshots, S ≤ L. */
  readonly strideSize: number;
  /** Snapshots per request, B. */
  readonly batchSize: number;
  /** Name of the input. Default `snapshot_update`. */
  readonly input?: string;
  /** Name of the output. Default `snapshot`; with several groups `snapshot_0`, `snapshot_1`, … */
  readonly output?: string;
}

/** A snapshotter of several streams, which share their sequences. */
export interface MultiSnapshotterOptions extends SequencePlacement {
  /** Default `snapshotter`. */
  readonly name?: string;
  /** Snapshots per request, B. */
  readonly batchSize: number;
  /** Each with a state of its own; groups of a stream's channels may differ in length. */
  readonly streams: readonly SnapshotStream[];
}

/**
 * A model whose state is the last L samples of a stream: takes an update `[1, C, S·B]` and gives the B snapshots that
 * end in it, `[B, C, L]`. Snapshot i of an update ends (i + 1)·S samples into it; before the stream there were zeros.
 * With `streams`, several of them in one model.
 *
 * With X the state and u the update: cat = X[S:] ++ u; snapshot i is cat[iS : iS + L]; X' = cat[−L:]. (ml4gw,
 * `nn.streaming.Snapshotter`, which keeps L − S samples: the same snapshots.)
 *
 * @throws `invalid-option`
 */
export function buildSnapshotter(options: SnapshotterOptions | MultiSnapshotterOptions): Model {
  const { name = "snapshotter", batchSize } = options;
  if ("streams" in options) return snapshotModel(name, batchSize, options.streams, options);
  const { snapshotSize, strideSize, input = "snapshot_update", output = "snapshot" } = options;
  if (typeof options.channels === "number") positive(name, "channels", options.channels);
  const groups = typeof options.channels === "number" ? [options.channels] : options.channels;
  if (groups.length === 0) throw invalidOption(name, "channels", "empty", "at least one group");
  const snapshots = groups.map((channels, j) => ({
    output: groups.length === 1 ? output : `${output}_${j}`,
    channels,
    size: snapshotSize,
  }));
  return snapshotModel(name, batchSize, [{ input, strideSize, snapshots }], options);
}
