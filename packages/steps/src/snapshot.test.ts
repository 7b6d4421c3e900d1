import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import h5wasm, { Dataset, File, type Group } from "h5wasm/node";
import { describe, expect, it } from "vitest";
import { createSnapshotState } from "./index.ts";

const SHARED = process.env.STRAINFLOW_SHARED ?? fileURLToPath(new URL("../../../../shared", import.meta.url));
const PATH = `${SHARED}/fixtures/snapshotter.h5`;
const present = existsSync(PATH) || process.env.STRAINFLOW_REQUIRE === "all";

function floats(file: File | Group, path: string): Float32Array {
  const dataset = file.get(path);
  if (!(dataset instanceof Dataset) || !(dataset.value instanceof Float32Array))
    throw new Error(`no float32 ${path}`);
  return dataset.value;
}

function attribute(group: Group, name: string): number {
  return Number(group.attrs[name]?.value);
}

describe("createSnapshotState", () => {
  it("gives snapshot k as samples [(k + 1)S − L, (k + 1)S) of the stream, zeros before it", () => {
    const state = createSnapshotState({ channels: 1, snapshotSize: 5, strideSize: 2, batchSize: 2 });
    expect(state.update(Float32Array.of(1, 2, 3, 4))).toEqual([
      Float32Array.of(0, 0, 0, 1, 2, 0, 1, 2, 3, 4),
    ]);
    expect(state.update(Float32Array.of(5, 6, 7, 8))).toEqual([
      Float32Array.of(2, 3, 4, 5, 6, 4, 5, 6, 7, 8),
    ]);
    expect(state.save()).toEqual(Float32Array.of(4, 5, 6, 7, 8));
  });

  it("takes a stride as long as the snapshot", () => {
    const state = createSnapshotState({ channels: 1, snapshotSize: 2, strideSize: 2, batchSize: 2 });
    expect(state.update(Float32Array.of(1, 2, 3, 4))).toEqual([Float32Array.of(1, 2, 3, 4)]);
  });

  it("does not show the batch size in the snapshots, nor a restored state", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 0, max: 20 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 5 }),
        (channels, strideSize, kept, batchSize, updates) => {
          const sizes = { channels, strideSize, snapshotSize: strideSize + kept };
          const single = createSnapshotState({ ...sizes, batchSize: 1 });
          let batched = createSnapshotState({ ...sizes, batchSize });
          let value = 0;
          for (let u = 0; u < updates; u++) {
            const strides = Array.from({ length: batchSize }, () =>
              Float32Array.from({ length: channels * strideSize }, () => ++value),
            );
            const update = new Float32Array(channels * strideSize * batchSize);
            for (const [b, stride] of strides.entries())
              for (let c = 0; c < channels; c++)
                update.set(
                  stride.subarray(c * strideSize, (c + 1) * strideSize),
                  (c * batchSize + b) * strideSize,
                );
            const one = strides.flatMap((stride) => [...single.update(stride)[0]!]);
            expect([...batched.update(update)[0]!]).toEqual(one);
            const saved = batched.save();
            batched = createSnapshotState({ ...sizes, batchSize });
            batched.restore(saved);
          }
          single.reset();
          expect(single.save().every((x) => x === 0)).toBe(true);
        },
      ),
      { numRuns: 50 },
    );
  });

  it("names the option that cannot be used", () => {
    const good = { channels: 3, snapshotSize: 8, strideSize: 2, batchSize: 1 };
    expect(() => createSnapshotState({ ...good, strideSize: 9 })).toThrow(/strideSize is 9/);
    expect(() => createSnapshotState({ ...good, split: [1, 1] })).toThrow(/split is \[1, 1\]/);
    expect(() => createSnapshotState({ ...good, batchSize: 0.5 })).toThrow(/batchSize is 0.5/);
    expect(() => createSnapshotState(good).update(new Float32Array(5))).toThrow(/update.length is 5/);
  });
});

describe.skipIf(!present)(
  "createSnapshotState against the references (needs ../shared/fixtures/snapshotter.h5)",
  async () => {
    await h5wasm.ready;
    const file = present ? new File(PATH, "r") : undefined;

    for (let k = 0; k < 9; k++)
      it(`matches ml4gw and hermes bit for bit, configuration ${k}`, () => {
        const group = file?.get(`ml4gw/${k}`);
        const hermes = file?.get(`hermes/${k}`);
        if (file === undefined || group instanceof Dataset || !group || !hermes)
          throw new Error(`no ml4gw/${k}`);
        if (!("attrs" in group) || !("keys" in group)) throw new Error(`ml4gw/${k} is no group`);
        const perSnapshot = group.attrs.channels_per_snapshot?.value;
        const channels = attribute(group, "num_channels");
        const snapshotSize = attribute(group, "snapshot_size");
        const strideSize = attribute(group, "stride_size");
        const batchSize = attribute(group, "batch_size");
        const split = perSnapshot instanceof Int32Array ? [...perSnapshot] : [channels];
        const state = createSnapshotState({ channels, snapshotSize, strideSize, batchSize, split });
        const updates = floats(group, "update");
        const states = floats(group, "state");
        const hermesStates = floats(file, `hermes/${k}/state`);
        const outputs = split.map((_, i) => floats(group, `snapshot_${i}`));
        const updateSize = channels * state.updateSize;
        const steps = updates.length / updateSize;
        expect(steps).toBe(24);
        for (let u = 0; u < steps; u++) {
          const given = state.update(updates.subarray(u * updateSize, (u + 1) * updateSize));
          given.forEach((snapshots, i) => {
            expect(snapshots).toEqual(outputs[i]!.slice(u * snapshots.length, (u + 1) * snapshots.length));
          });
          const saved = state.save();
          const kept = snapshotSize - strideSize;
          for (let c = 0; c < channels; c++)
            expect(saved.slice((c + 1) * snapshotSize - kept, (c + 1) * snapshotSize)).toEqual(
              states.slice((u * channels + c) * kept, (u * channels + c + 1) * kept),
            );
          if (u < 3) expect(saved).toEqual(hermesStates.slice(u * saved.length, (u + 1) * saved.length));
        }
      });
  },
);
