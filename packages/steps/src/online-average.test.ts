import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Block, Inference, InferenceBlock } from "@strainflow/series";
import h5wasm, { Dataset, File, Group } from "h5wasm/node";
import { describe, expect, it } from "vitest";
import { type AverageWarmup, createAverageState, createOnlineAverage } from "./index.ts";

const SHARED = process.env.STRAINFLOW_SHARED ?? fileURLToPath(new URL("../../../../shared", import.meta.url));
const PATH = `${SHARED}/fixtures/online_averager.h5`;
const present = existsSync(PATH) || process.env.STRAINFLOW_REQUIRE === "all";

function values(group: Group, path: string): Float32Array | Float64Array {
  const dataset = group.get(path);
  const value = dataset instanceof Dataset ? dataset.value : undefined;
  if (!(value instanceof Float32Array || value instanceof Float64Array))
    throw new Error(`no floats at ${path}`);
  return value;
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  return largest;
}

/** Three kernels of 4 samples, one sample apart: kernel k ends with sample k of the stream. */
const kernels = Float32Array.of(...[9, 9, 1, 2], ...[9, 9, 4, 8], ...[9, 9, 16, 32]);

describe("createAverageState", () => {
  const shape = { updateSize: 1, numUpdates: 2, kernelSize: 4 };

  it("averages what kernels say of the same time, and lags by all but one update", () => {
    // Block b is the mean of kernel b's older sample and kernel b − 1's newer one.
    expect(createAverageState(shape).update(kernels)).toEqual(Float32Array.of(0.5, 3, 12));
    expect(createAverageState({ ...shape, warmup: "partial" }).update(kernels)).toEqual(
      Float32Array.of(1, 3, 12),
    );
    expect(createAverageState({ ...shape, warmup: "drop" }).update(kernels)).toEqual(Float32Array.of(3, 12));
  });

  it("flushes the samples that lag", () => {
    for (const [warmup, last] of [
      ["reference", 16],
      ["partial", 32],
      ["drop", 32],
    ] as const) {
      const state = createAverageState({ ...shape, warmup });
      state.update(kernels);
      expect(state.flush()).toEqual(Float64Array.of(last));
      expect(state.flush()).toEqual(Float64Array.of(0));
    }
  });

  it("leaves the newest samples of each kernel out with an offset", () => {
    const state = createAverageState({ ...shape, offset: 1, warmup: "drop" });
    expect(state.update(kernels)).toEqual(Float32Array.of((9 + 1) / 2, (9 + 4) / 2));
  });

  it("names the option that cannot be used", () => {
    expect(() => createAverageState({ ...shape, numUpdates: 5 })).toThrow(/numUpdates is 5/);
    expect(() => createAverageState({ ...shape, offset: -1 })).toThrow(/offset is -1/);
    expect(() => createAverageState(shape).update(new Float32Array(5))).toThrow(/kernels.length is 5/);
  });
});

describe("createOnlineAverage", () => {
  const inference = (start: number, ...rows: number[][]): Inference => ({
    kind: "inference",
    start,
    size: rows.length,
    sampleRate: 8,
    channels: ["H1"],
    outputs: {
      kernel: { datatype: "FP32", shape: [rows.length, 1, 4], data: Float32Array.from(rows.flat()) },
    },
  });
  const make = (warmup?: AverageWarmup, offset = 0) =>
    createOnlineAverage({
      sampleRate: 16,
      channels: ["DC"],
      quantity: "clean",
      output: "kernel",
      kernelSize: 4,
      updateSize: 2,
      numUpdates: 2 - Math.ceil(offset / 2),
      offset,
      ...(warmup === undefined ? {} : { warmup }),
    });
  const run = (step: ReturnType<typeof make>, inputs: readonly InferenceBlock[]): (number | string)[][] =>
    [...inputs.flatMap((block) => step.push(block)), ...step.flush()].flatMap((block: Block) =>
      Array.from({ length: block.size }, (_, i) => [
        block.start + i,
        block.kind === "gap" ? block.reason : block.data[0]![i]!,
      ]),
    );
  const gap: InferenceBlock = {
    kind: "gap",
    quantity: "inference",
    start: 12,
    size: 1,
    sampleRate: 8,
    channels: ["H1"],
    reason: "lost",
  };

  it("puts every kernel where its samples lie: kernel k ends at sample (k + 1)·updateSize", () => {
    // Kernels that are the sample's own index: any averaging gives the index back.
    const rows = [10, 11, 12, 13].map((k) => [2 * k - 2, 2 * k - 1, 2 * k, 2 * k + 1]);
    expect(run(make(), [inference(10, ...rows)])).toEqual(
      [20, 21, 22, 23, 24, 25, 26, 27].map((i) => [i, i]),
    );
    expect(run(make("partial"), [inference(10, ...rows)])).toEqual(
      [18, 19, 20, 21, 22, 23, 24, 25, 26, 27].map((i) => [i, i]),
    );
    expect(run(make("drop", 1), [inference(10, ...rows)])).toEqual([
      ...[19, 20, 21, 22, 23, 24, 25, 26].map((i) => [i, i]),
      [27, "edge"],
    ]);
  });

  it("says beside a gap what fewer kernels know, or that it knows nothing", () => {
    const rows = [10, 11, 13, 14].map((k) => [k, k, k, k]);
    const inputs = [inference(10, ...rows.slice(0, 2)), gap, inference(13, ...rows.slice(2))];
    expect(run(make(), inputs)).toEqual([
      ...[20, 21].map((i) => [i, 10.5]),
      ...[22, 23].map((i) => [i, "spoiled"]),
      ...[24, 25].map((i) => [i, "lost"]),
      ...[26, 27].map((i) => [i, 13.5]),
      ...[28, 29].map((i) => [i, 14]),
    ]);
    expect(run(make("partial"), inputs).slice(2)).toEqual([
      ...[20, 21].map((i) => [i, 10.5]),
      ...[22, 23].map((i) => [i, 11]),
      ...[24, 25].map((i) => [i, 13]),
      ...[26, 27].map((i) => [i, 13.5]),
      ...[28, 29].map((i) => [i, 14]),
    ]);
  });

  it("refuses an output that it was not made for", () => {
    const block = inference(0, [1, 2, 3, 4]);
    expect(() => make().push({ ...block, outputs: {} })).toThrow(/output kernel must be/);
    const step = make();
    step.push(block);
    expect(() => step.push(inference(5, [1, 2, 3, 4]))).toThrow(/begins at sample 5 where 1 was due/);
  });
});

describe.skipIf(!present)(
  "createAverageState against the references (needs ../shared/fixtures/online_averager.h5)",
  async () => {
    await h5wasm.ready;
    const file = present ? new File(PATH, "r") : undefined;
    const group = (path: string): Group => {
      const found = file?.get(path);
      if (!(found instanceof Group)) throw new Error(`no group ${path}`);
      return found;
    };
    const number = (of: Group, name: string): number => {
      const value = of.attrs[name]?.value;
      return value === "none" || value === undefined ? 0 : Number(value);
    };
    const setup = (of: Group, offset: number) => {
      const channels = number(of, "num_channels") || 1;
      const kernelSize = number(of, "kernel_size");
      const batchSize = number(of, "batch_size");
      const updateSize = number(of, "update_size");
      const numUpdates = number(of, "num_updates");
      const state = createAverageState({ channels, kernelSize, updateSize, numUpdates, offset });
      return { state, batch: batchSize * channels * kernelSize, padding: batchSize * updateSize };
    };

    for (let k = 0; k < 8; k++)
      it(`matches ml4gw, configuration ${k}`, () => {
        const of = group(`ml4gw/${k}`);
        const { state, batch } = setup(of, number(of, "offset"));
        const update = values(of, "update");
        const [single, double, kept] = [values(of, "output"), values(of, "output_f64"), values(of, "state")];
        const exact = setup(of, number(of, "offset")).state;
        let at = 0;
        let keptAt = 0;
        for (let step = 0; step * batch < update.length; step++) {
          const input = update.subarray(step * batch, (step + 1) * batch);
          const output = state.update(input);
          expect(output).toBeInstanceOf(Float32Array);
          expect(largestDifference(output, single.subarray(at, at + output.length))).toBeLessThan(5e-7);
          const precise = exact.update(Float64Array.from(input));
          expect(largestDifference(precise, double.subarray(at, at + output.length))).toBeLessThan(1e-14);
          at += output.length;
          const held = state.reference();
          expect(largestDifference(held, kept.subarray(keptAt, keptAt + held.length))).toBeLessThan(5e-7);
          keptAt += held.length;
        }
        expect(at).toBe(single.length);
        expect(keptAt).toBe(kept.length);
      });

    for (const name of ["0", "1", "1_nochannel", "2", "5", "7", "7_nochannel"])
      it(`matches hermes, configuration ${name}`, () => {
        const of = group(`hermes/${name}`);
        const { state, batch, padding } = setup(of, 0);
        const update = values(group(`ml4gw/${name.split("_")[0]}`), "update");
        const [output, kept] = [values(of, "output"), values(of, "state")];
        let at = 0;
        let keptAt = 0;
        for (let step = 0; step * batch < update.length; step++) {
          const given = state.update(update.subarray(step * batch, (step + 1) * batch));
          expect(largestDifference(given, output.subarray(at, at + given.length))).toBeLessThan(5e-7);
          at += given.length;
          const held = state.reference(padding);
          expect(largestDifference(held, kept.subarray(keptAt, keptAt + held.length))).toBeLessThan(5e-7);
          keptAt += held.length;
        }
        expect(at).toBe(output.length);
        expect(keptAt).toBe(kept.length);
      });
  },
);
