import { invalidOption } from "@strainflow/series";

export interface SnapshotOptions {
  /** Channels of the stream. */
  readonly channels: number;
  /** Samples of one snapshot (L). */
  readonly snapshotSize: number;
  /** Samples between two snapshots (S), 1 … `snapshotSize`. hermes demands S < L; S = L works here. */
  readonly strideSize: number;
  /** Snapshots per update (B). */
  readonly batchSize: number;
  /** Channels of each output, in order: `[2, 1]` gives two outputs. One output of all channels when absent. */
  readonly split?: readonly number[];
}

/** A rolling window over a stream that arrives in updates. */
export interface SnapshotState {
  /** Samples of one update: `strideSize · batchSize`. */
  readonly updateSize: number;
  /**
   * Takes an update `[C, S·B]` and gives, for every channel group, its snapshots `[B, Cj, L]`, row-major and new.
   * Snapshot i ends `(i + 1)·S` samples into the update; zeros stand for what was before the stream.
   */
  update(update: Float32Array): Float32Array[];
  /**
   * A copy of the state `[C, L]`: the last snapshot, as hermes keeps it. The state of ml4gw, which is `L − S` long,
   * is its newest part.
   */
  save(): Float32Array;
  /** Continues from a state `[C, L]`. */
  restore(state: Float32Array): void;
  /** Back to zeros, as before the first update. */
  reset(): void;
}

/**
 * The snapshotter of ml4gw (`nn.streaming.Snapshotter`) and hermes quiver, bit for bit.
 *
 * With X the state and u the update, `cat = X[:, S:] ++ u`, output i is `cat[:, iS : iS + L]`, the new state
 * `cat[:, −L:]`. So snapshot k of a stream holds its samples `[(k + 1)S − L, (k + 1)S)`.
 *
 * @throws `invalid-option`
 */
export function createSnapshotState(options: SnapshotOptions): SnapshotState {
  const { channels, snapshotSize, strideSize, batchSize } = options;
  const where = "createSnapshotState";
  for (const [name, value] of Object.entries({ channels, snapshotSize, strideSize, batchSize }))
    if (!Number.isInteger(value) || value < 1) throw invalidOption(where, name, value, "a whole number ≥ 1");
  if (strideSize > snapshotSize)
    throw invalidOption(
      where,
      "strideSize",
      strideSize,
      `at most snapshotSize (${snapshotSize}): samples between two snapshots would be in neither`,
    );
  const { split = [channels] } = options;
  if (
    split.some((size) => !Number.isInteger(size) || size < 1) ||
    split.reduce((a, b) => a + b, 0) !== channels
  )
    throw invalidOption(
      where,
      "split",
      `[${split.join(", ")}]`,
      `whole numbers ≥ 1 that add up to channels (${channels})`,
    );

  const updateSize = strideSize * batchSize;
  const keptSize = snapshotSize - strideSize;
  const catSize = keptSize + updateSize;
  const cat = new Float32Array(channels * catSize);
  let state = new Float32Array(channels * snapshotSize);

  function checkLength(what: string, array: Float32Array, size: number): void {
    if (array.length !== channels * size)
      throw invalidOption(
        "SnapshotState",
        `${what}.length`,
        array.length,
        `${channels * size} (${channels} channels × ${size} samples)`,
      );
  }

  return {
    updateSize,
    update(update: Float32Array): Float32Array[] {
      checkLength("update", update, updateSize);
      for (let c = 0; c < channels; c++) {
        cat.set(state.subarray(c * snapshotSize + strideSize, (c + 1) * snapshotSize), c * catSize);
        cat.set(update.subarray(c * updateSize, (c + 1) * updateSize), c * catSize + keptSize);
        // The cat is at least one snapshot long, since batchSize ≥ 1.
        state.set(cat.subarray((c + 1) * catSize - snapshotSize, (c + 1) * catSize), c * snapshotSize);
      }
      let first = 0;
      return split.map((width) => {
        const snapshots = new Float32Array(batchSize * width * snapshotSize);
        for (let i = 0, at = 0; i < batchSize; i++)
          for (let c = first; c < first + width; c++, at += snapshotSize) {
            const from = c * catSize + i * strideSize;
            snapshots.set(cat.subarray(from, from + snapshotSize), at);
          }
        first += width;
        return snapshots;
      });
    },
    save: () => state.slice(),
    restore(saved: Float32Array): void {
      checkLength("state", saved, snapshotSize);
      state = saved.slice();
    },
    reset(): void {
      state.fill(0);
    },
  };
}
