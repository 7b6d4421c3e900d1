import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import h5wasm from "h5wasm/node";
import * as ort from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildAframeEnsemble } from "./aframe.ts";
import { createRepository, type ModelRepository } from "./repository.ts";

const shared = process.env.STRAINFLOW_SHARED ?? fileURLToPath(new URL("../../../../shared", import.meta.url));
const run = `${shared}/fixtures/aframe-run`;
const present = existsSync(`${run}/series.hdf5`);
if (!present && process.env.STRAINFLOW_REQUIRE === "all") throw new Error(`${run} is missing`);

describe.skipIf(!present)("aframe's arrangement and a recorded run of it (needs ../shared/fixtures)", () => {
  let folder = "";
  let repository: ModelRepository;
  beforeAll(async () => {
    await h5wasm.ready;
    folder = await mkdtemp(join(tmpdir(), "strainflow-aframe-"));
    repository = await createRepository(folder);
    await buildAframeEnsemble(repository, {
      network: `${run}/network.onnx`,
      channels: ["H1", "L1"],
      sampleRate: 512,
      inferenceSamplingRate: 4,
      batchSize: 16,
      kernelLength: 1.5,
      fduration: 1,
      psdLength: 16,
      fftLength: 2,
      highpass: 32,
    });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  function values(path: string, dataset: string): Float32Array {
    const file = new h5wasm.File(path, "r");
    const found = file.get(dataset);
    const value = found instanceof h5wasm.Dataset ? found.value : undefined;
    file.close();
    if (!(value instanceof Float32Array)) throw new TypeError(`${dataset} is no float32 dataset`);
    return value;
  }

  it("has the tensors that its clients and its server saw", async () => {
    const shapes = async (name: string) => {
      const { input, output } = await repository.config(name);
      return [...input, ...output].map((tensor) => `${tensor.name} ${tensor.dims.join("×")}`);
    };
    expect(await shapes("aframe-stream")).toEqual(["stream 2×2×2048", "discriminator 16×1"]);
    expect(await shapes("snapshotter")).toEqual(["stream 2×2×2048", "strain 2×2×11392"]);
    expect(await shapes("preprocessor")).toEqual(["strain 2×2×11392", "X 16×2×768"]);
    expect(await shapes("aframe")).toEqual(["X 16×2×768", "discriminator 16×1"]);
  });

  it("gives the recorded outputs, from the unusable first ones (all alike) to the last, within 1e-4", async () => {
    const sessions = await Promise.all(
      ["snapshotter", "preprocessor", "aframe"].map(async (name) =>
        ort.InferenceSession.create(await repository.read(name, "1/model.onnx"), { intraOpNumThreads: 1 }),
      ),
    );
    const [snapshotter, preprocessor, network] = sessions;
    const background = `${run}/background-1264316900-466.hdf5`;
    // Slide 1: the second detector one second later. Recorded as the eighth run, 2nd segment.
    const strain = [values(background, "H1"), values(background, "L1").subarray(512)];
    const raw = values(`${run}/series.hdf5`, "007/background/raw");
    const requests = Math.floor(strain[1]!.length / 2048);
    let state = new ort.Tensor("float32", new Float32Array(4 * 9344), [2, 2, 9344]);
    let worst = 0;
    for (let request = 0; request < requests; request++) {
      const update = new Float32Array(4 * 2048);
      for (let row = 0; row < 4; row++)
        update.set(strain[row % 2]!.subarray(request * 2048, (request + 1) * 2048), row * 2048);
      const kept = await snapshotter!.run({
        stream: new ort.Tensor("float32", update, [2, 2, 2048]),
        input_snapshot: state,
      });
      const next = kept.output_snapshot?.data;
      if (!(next instanceof Float32Array)) throw new TypeError("the state is FP32");
      state = new ort.Tensor("float32", next, [2, 2, 9344]);
      const white = await preprocessor!.run({ strain: kept.strain! });
      const out = (await network!.run({ X: white.X! })).discriminator?.data;
      if (!(out instanceof Float32Array)) throw new TypeError("outputs are FP32");
      // The PSD of requests 1 to 3 is rounding noise, and no two implementations agree on it.
      if (request === 0 || request >= 4)
        worst = out.reduce(
          (most, value, i) => Math.max(most, Math.abs(value - raw[request * 16 + i]!)),
          worst,
        );
    }
    expect(requests).toBeGreaterThan(100);
    expect(worst).toBeLessThan(1e-4);
    await Promise.all(sessions.map((session) => session.release()));
  });

  it("tells clients its reach: PSD, filter and kernel, and half a filter of delay", async () => {
    const { parameters } = await repository.config("aframe-stream");
    const value = (key: string): string | undefined => parameters[`strainflow.${key}`]?.stringValue;
    expect(value("memory")).toBe(String(9344 + 15 * 128));
    expect(value("latency")).toBe("256");
    expect(value("stride_size")).toBe("128");
    expect(value("channels")).toBe("H1,L1");
  });
});
