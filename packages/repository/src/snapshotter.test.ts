import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import h5wasm from "h5wasm/node";
import * as ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { buildSnapshotter, type SnapshotterOptions } from "./snapshotter.ts";

const shared = process.env.STRAINFLOW_SHARED ?? fileURLToPath(new URL("../../../../shared", import.meta.url));
const fixture = `${shared}/fixtures/snapshotter.h5`;
const present = existsSync(fixture);
if (!present && process.env.STRAINFLOW_REQUIRE === "all") throw new Error(`${fixture} is missing`);

/** Pushes updates through the model, feeding the state back as a server does. */
async function stream(
  options: SnapshotterOptions,
  updates: readonly Float32Array[],
): Promise<Float32Array[][]> {
  const { config, files } = buildSnapshotter(options);
  const bytes = files["1/model.onnx"];
  if (!(bytes instanceof Uint8Array)) throw new TypeError("a model is bytes");
  const session = await ort.InferenceSession.create(bytes, { intraOpNumThreads: 1 });
  const input = config.input[0]!;
  const dims = input.dims.map(Number);
  const stateDims = [1, dims[1]!, options.snapshotSize];
  let state = new ort.Tensor("float32", new Float32Array(stateDims[1]! * options.snapshotSize), stateDims);
  const given: Float32Array[][] = [];
  for (const update of updates) {
    const out = await session.run({
      [input.name]: new ort.Tensor("float32", update, dims),
      input_snapshot: state,
    });
    const next = out.output_snapshot?.data;
    if (!(next instanceof Float32Array)) throw new TypeError("the state is FP32");
    state = new ort.Tensor("float32", next, stateDims);
    given.push(
      config.output.map(({ name, dims: declared }) => {
        const tensor = out[name];
        expect(tensor?.dims).toEqual(declared.map(Number));
        if (!(tensor?.data instanceof Float32Array)) throw new TypeError("snapshots are FP32");
        return tensor.data;
      }),
    );
  }
  await session.release();
  return given;
}

describe("the snapshotter model", () => {
  it("cuts window k at samples [(k + 1)·S − L, (k + 1)·S) of the stream, with zeros before it began", async () => {
    const config = fc.record({
      groups: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 }),
      strideSize: fc.integer({ min: 1, max: 12 }),
      extra: fc.integer({ min: 0, max: 40 }),
      batchSize: fc.integer({ min: 1, max: 6 }),
      updates: fc.integer({ min: 1, max: 6 }),
    });
    await fc.assert(
      fc.asyncProperty(config, async ({ groups, strideSize, extra, batchSize, updates }) => {
        const snapshotSize = strideSize + extra;
        const channels = groups.reduce((a, b) => a + b, 0);
        const updateSize = strideSize * batchSize;
        // Sample t of channel c is unlike any other, and not zero.
        const sample = (c: number, t: number): number => (t < 0 ? 0 : 1 + c + channels * t);
        const given = await stream(
          { channels: groups, strideSize, snapshotSize, batchSize },
          Array.from({ length: updates }, (_, u) =>
            Float32Array.from({ length: channels * updateSize }, (_, i) =>
              sample(Math.floor(i / updateSize), u * updateSize + (i % updateSize)),
            ),
          ),
        );
        for (const [u, outputs] of given.entries()) {
          let firstChannel = 0;
          for (const [j, group] of groups.entries()) {
            const expected: number[] = [];
            for (let b = 0; b < batchSize; b++)
              for (let c = 0; c < group; c++)
                for (let n = 0; n < snapshotSize; n++)
                  expected.push(
                    sample(firstChannel + c, (u * batchSize + b + 1) * strideSize - snapshotSize + n),
                  );
            expect([...outputs[j]!]).toEqual(expected);
            firstChannel += group;
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  it("refuses a stride longer than its snapshot", () => {
    expect(() => buildSnapshotter({ channels: 1, snapshotSize: 8, strideSize: 9, batchSize: 1 })).toThrow(
      /strideSize is 9; it must be at most snapshotSize, which is 8/,
    );
  });
});

describe.skipIf(!present)("the snapshotter model and ml4gw's (needs ../shared/fixtures)", () => {
  it("give the same bits", async () => {
    await h5wasm.ready;
    const file = new h5wasm.File(fixture, "r");
    const values = (path: string): Float32Array => {
      const found = file.get(path);
      if (!(found instanceof h5wasm.Dataset) || !(found.value instanceof Float32Array))
        throw new TypeError(`${path} is no float32 dataset`);
      return found.value;
    };
    const root = file.get("ml4gw");
    if (!(root instanceof h5wasm.Group)) throw new TypeError("no group ml4gw");
    let compared = 0;
    for (const key of root.keys()) {
      const group = root.get(key);
      if (!(group instanceof h5wasm.Group)) continue;
      const fact = (name: string): number => Number(group.attrs[name]?.value);
      const split = group.attrs.channels_per_snapshot?.value;
      const channels = split instanceof Int32Array ? [...split] : fact("num_channels");
      const batchSize = fact("batch_size");
      const strideSize = fact("stride_size");
      const update = values(`ml4gw/${key}/update`);
      const size = fact("num_channels") * batchSize * strideSize;
      const given = await stream(
        { channels, snapshotSize: fact("snapshot_size"), strideSize, batchSize },
        Array.from({ length: update.length / size }, (_, u) => update.slice(u * size, (u + 1) * size)),
      );
      for (const j of given[0]!.keys()) {
        const reference = values(`ml4gw/${key}/snapshot_${j}`);
        const ours = Float32Array.from(given.flatMap((outputs) => [...outputs[j]!]));
        expect(ours).toEqual(reference);
        compared++;
      }
    }
    file.close();
    expect(compared).toBeGreaterThan(10);
  });
});
