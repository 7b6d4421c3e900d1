import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import h5wasm from "h5wasm/node";
import * as ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { type AggregatorOptions, buildAggregator } from "./aggregator.ts";

const shared = process.env.STRAINFLOW_SHARED ?? fileURLToPath(new URL("../../../../shared", import.meta.url));
const fixture = `${shared}/fixtures/online_averager.h5`;
const present = existsSync(fixture);
if (!present && process.env.STRAINFLOW_REQUIRE === "all") throw new Error(`${fixture} is missing`);

async function stream(options: AggregatorOptions, updates: readonly Float32Array[]): Promise<Float32Array[]> {
  const { config, files } = buildAggregator(options);
  const bytes = files["1/model.onnx"];
  if (!(bytes instanceof Uint8Array)) throw new TypeError("a model is bytes");
  const session = await ort.InferenceSession.create(bytes, { intraOpNumThreads: 1 });
  const { schedulingChoice } = config;
  const dims =
    schedulingChoice.case === "sequenceBatching" ? schedulingChoice.value.state[0]!.dims.map(Number) : [];
  let state = new ort.Tensor("float32", new Float32Array(dims.reduce((a, b) => a * b, 1)), dims);
  const given: Float32Array[] = [];
  for (const update of updates) {
    const out = await session.run({
      update: new ort.Tensor("float32", update, config.input[0]!.dims.map(Number)),
      input_online_average: state,
    });
    const next = out.output_online_average?.data;
    const averaged = out.output_stream?.data;
    if (!(next instanceof Float32Array) || !(averaged instanceof Float32Array))
      throw new TypeError("state and output are FP32");
    expect(out.output_stream?.dims).toEqual(config.output[0]!.dims.map(Number));
    state = new ort.Tensor("float32", next, dims);
    given.push(averaged);
  }
  await session.release();
  return given;
}

describe("the averaging model", () => {
  it("gives each block the mean of the kernels that hold it, lagging by (N − 1)·U", async () => {
    const config = fc.record({
      updateSize: fc.integer({ min: 1, max: 5 }),
      numUpdates: fc.integer({ min: 2, max: 6 }),
      batchSize: fc.integer({ min: 1, max: 5 }),
      offset: fc.integer({ min: 0, max: 4 }),
      spare: fc.integer({ min: 0, max: 4 }),
      channels: fc.constantFrom(undefined, 1, 2, 3),
      updates: fc.integer({ min: 1, max: 6 }),
      seed: fc.nat({ max: 1000 }),
    });
    await fc.assert(
      fc.asyncProperty(
        config,
        async ({ updateSize, numUpdates, batchSize, offset, spare, updates, seed, ...rest }) => {
          const channels = rest.channels ?? 1;
          const kernelSize = numUpdates * updateSize + offset + spare;
          const y = (b: number, c: number, n: number): number =>
            b < 0 ? 0 : Math.sin(seed + 1.7 * b + 0.31 * n + 5 * c);
          const given = await stream(
            {
              kernelSize,
              updateSize,
              batchSize,
              numUpdates,
              offset,
              ...(rest.channels === undefined ? {} : { channels: rest.channels }),
            },
            Array.from({ length: updates }, (_, u) =>
              Float32Array.from({ length: batchSize * channels * kernelSize }, (_, i) => {
                const row = Math.floor(i / kernelSize);
                return y(u * batchSize + Math.floor(row / channels), row % channels, i % kernelSize);
              }),
            ),
          );
          for (const [u, output] of given.entries())
            for (let c = 0; c < channels; c++)
              for (let i = 0; i < batchSize * updateSize; i++) {
                const block = u * batchSize + Math.floor(i / updateSize);
                let sum = 0;
                for (let m = 0; m < numUpdates; m++)
                  sum += y(
                    block - m,
                    c,
                    kernelSize - offset - numUpdates * updateSize + m * updateSize + (i % updateSize),
                  );
                expect(output[c * batchSize * updateSize + i]).toBeCloseTo(sum / numUpdates, 6);
              }
        },
      ),
      { numRuns: 40 },
    );
  });

  it("refuses to average a single kernel, and more than a kernel holds", () => {
    const options = { kernelSize: 8, updateSize: 2, batchSize: 1, numUpdates: 4 };
    expect(() => buildAggregator({ ...options, numUpdates: 1 })).toThrow(
      /numUpdates is 1; it must be at least 2/,
    );
    expect(() => buildAggregator({ ...options, offset: 1 })).toThrow(
      /is 9; it must be at most kernelSize, which is 8/,
    );
  });
});

describe.skipIf(!present)("the averaging model and ml4gw's (needs ../shared/fixtures)", () => {
  it("agree within 5e-7", async () => {
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
      if (fact("num_updates") === 1) continue; // no state: needs no averager
      const offset = group.attrs.offset?.value === "none" ? 0 : fact("offset");
      const options = {
        kernelSize: fact("kernel_size"),
        updateSize: fact("update_size"),
        batchSize: fact("batch_size"),
        numUpdates: fact("num_updates"),
        channels: fact("num_channels"),
        offset,
      };
      const update = values(`ml4gw/${key}/update`);
      const size = options.batchSize * options.channels * options.kernelSize;
      const given = await stream(
        options,
        Array.from({ length: update.length / size }, (_, u) => update.slice(u * size, (u + 1) * size)),
      );
      const reference = values(`ml4gw/${key}/output`);
      const ours = given.flatMap((output) => [...output]);
      expect(ours.length).toBe(reference.length);
      expect(Math.max(...ours.map((value, i) => Math.abs(value - reference[i]!)))).toBeLessThan(5e-7);
      compared++;
    }
    file.close();
    expect(compared).toBe(7);
  });
});
