import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { inferSequence, reassemble } from "@strainflow/operators";
import {
  addModel,
  addNetwork,
  addStreamingEnsemble,
  buildAggregator,
  buildBackgroundSnapshotter,
  buildSnapshotter,
  buildWhitener,
  createEnsemble,
  createGraph,
  createRepository,
  type ModelRepository,
  type Placement,
} from "@strainflow/repository";
import type { Block, StreamingSpec } from "@strainflow/series";
import { createServer, type InferenceServer } from "@strainflow/server";
import { connect } from "@strainflow/triton";
import { createRandom } from "@strainflow/waveforms";
import { from, lastValueFrom, toArray } from "rxjs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { inferByHttp, type JsonTensor } from "./support/http-infer.ts";
import { describeTriton, type RealTriton, startRealTriton } from "./support/real-triton.ts";

const venv = process.env["STRAINFLOW_PYTHON"] ?? resolve(import.meta.dirname, "../.cache/venv/bin/python");

/** The same models in another form: streaming ones, with one sequence per instance, and stateless ones. */
async function writeModels(path: string, backend: "onnx" | "python"): Promise<void> {
  const placement: Placement = { backend, instances: 2 };
  const repository = await createRepository(path);
  await repository.add([
    buildSnapshotter({ ...placement, channels: [2, 1], snapshotSize: 24, strideSize: 8, batchSize: 3 }),
    buildAggregator({
      ...placement,
      kernelSize: 20,
      updateSize: 4,
      batchSize: 3,
      numUpdates: 3,
      offset: 2,
      channels: 2,
    }),
    buildBackgroundSnapshotter({
      ...placement,
      name: "background",
      streams: 2,
      channels: 2,
      stateSize: 12,
      updateSize: 8,
    }),
    buildWhitener({
      ...placement,
      name: "whitener",
      channels: 2,
      sampleRate: 128,
      inferenceSamplingRate: 4,
      batchSize: 2,
      kernelLength: 1,
      psdLength: 4,
      fftLength: 1,
      highpass: 8,
    }),
  ]);
  const g = createGraph("network");
  const bent = g.op("Tanh", [g.op("Mul", [g.input("kernel", "FP32", ["batch", 2, 24]), g.float(0.3)])]);
  g.output("y", g.op("ReduceSum", [bent, g.ints([1])], { keepdims: 0 }), "FP32", ["batch", 24]);
  await addNetwork(repository, {
    ...placement,
    name: "network",
    onnx: g.toBytes(),
    channels: 2,
    batchSize: 3,
  });
  await addStreamingEnsemble(repository, {
    name: "stream",
    network: "network",
    kernelInput: "kernel",
    channels: ["H1", "L1"],
    sampleRate: 128,
    strideSize: 8,
    numUpdates: 2,
    updateSize: 8,
    snapshotterName: "stream-snapshotter",
    aggregatorName: "stream-aggregator",
    states: placement,
  });
  await addSeveralStreams(repository, placement);
  await addStreamsTogether(repository, { ...placement, instances: 1 });
  await addModel(repository, {
    ...placement,
    name: "kinds",
    platform: "onnxruntime_onnx",
    source: kinds(),
    maxBatchSize: 4,
  });
}

/** Two streams of several lengths in one snapshotter; one of its snapshots feeds two steps. */
async function addSeveralStreams(repository: ModelRepository, placement: Placement): Promise<void> {
  const g = createGraph("pair");
  const sum = g.op("ReduceSum", [g.input("long", "FP32", [2, 2, 40]), g.ints([1, 2])], { keepdims: 0 });
  const mean = g.op("ReduceMean", [g.input("short", "FP32", [2, 12])], { axes: [1], keepdims: 0 });
  const total = g.op("Add", [sum, mean]);
  g.output("total", g.op("Reshape", [total, g.ints([2, 1])]), "FP32", [2, 1]);
  await addModel(repository, {
    ...placement,
    name: "pair",
    platform: "onnxruntime_onnx",
    source: g.toBytes(),
  });
  const ensemble = createEnsemble(repository, { name: "several" });
  const [one, two] = [await ensemble.step("pair"), await ensemble.step("pair")];
  const snapshotter = ensemble.addStreamingInputs(
    [
      { into: [one.input("long"), one.input("short")], strideSize: 8, input: "strain" },
      { into: two.input("short"), strideSize: 4, input: "aux" },
    ],
    { ...placement, name: "several-snapshotter" },
  );
  ensemble.pipe(snapshotter.output("snapshot_0"), two.input("long"));
  ensemble.addOutput(one.output("total"), { name: "first" });
  ensemble.addOutput(two.output("total"), { name: "second" });
  await ensemble.write();
}

/** Two streams that are pushed through together, with an average behind; nothing but its models says how. */
async function addStreamsTogether(repository: ModelRepository, placement: Placement): Promise<void> {
  const g = createGraph("mix");
  const strain = g.op("ReduceSum", [g.input("strain", "FP32", [2, 2, 24]), g.ints([1])], { keepdims: 0 });
  const cut = g.op("Slice", [strain, g.ints([20]), g.ints([24]), g.ints([1])]);
  const witness = g.op("ReduceMean", [g.input("witness", "FP32", [2, 12])], { axes: [1], keepdims: 1 });
  g.output("y", g.op("Mul", [cut, witness]), "FP32", [2, 4]);
  await addModel(repository, {
    ...placement,
    name: "mix",
    platform: "onnxruntime_onnx",
    source: g.toBytes(),
  });
  const ensemble = createEnsemble(repository, { name: "together" });
  const mix = await ensemble.step("mix");
  ensemble.addStreamingInputs(
    [
      { into: mix.input("strain"), strideSize: 8, input: "strain" },
      { into: mix.input("witness"), strideSize: 8, input: "witness" },
    ],
    { ...placement, name: "together-snapshotter" },
  );
  ensemble.addStreamingOutput(mix.output("y"), {
    ...placement,
    name: "together-aggregator",
    updateSize: 2,
    numUpdates: 2,
  });
  await ensemble.write();
}

/** A graph with tensors of several types, and any number of rows. */
function kinds(): Uint8Array {
  const g = createGraph("kinds");
  const [counts, flags, numbers] = [
    g.input("counts", "INT64", ["n", 3]),
    g.input("flags", "BOOL", ["n", 3]),
    g.input("numbers", "FP64", ["n", 3]),
  ];
  g.output("more", g.op("Add", [counts, g.int(2)]), "INT64", ["n", 3]);
  g.output("opposite", g.op("Not", [flags]), "BOOL", ["n", 3]);
  g.output("squares", g.op("Mul", [numbers, numbers]), "FP64", ["n", 3]);
  return g.toBytes();
}

function wave(name: string, shape: readonly number[], seed: number): JsonTensor {
  const size = shape.reduce((product, length) => product * length, 1);
  const data = Array.from({ length: size }, (_, n) =>
    Math.fround(Math.sin(seed + 0.7 * n) + 0.2 * Math.cos(n * n)),
  );
  return { name, datatype: "FP32", shape, data };
}

describeTriton("models on Triton's python backend, as their ONNX twins on the embedded server", () => {
  let folder = "";
  let real: RealTriton;
  let embedded: InferenceServer;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "strainflow-python-"));
    await Promise.all([
      writeModels(join(folder, "onnx"), "onnx"),
      writeModels(join(folder, "python"), "python"),
    ]);
    [real, embedded] = await Promise.all([
      startRealTriton(join(folder, "python")),
      createServer({ repository: join(folder, "onnx") }),
    ]);
  });
  afterAll(async () => {
    await Promise.all([real?.close(), embedded?.close()]);
    await rm(folder, { recursive: true, force: true });
  });

  async function expectSame(
    model: string,
    inputs: readonly JsonTensor[],
    sequence?: { readonly id: number; readonly start: boolean; readonly end: boolean },
  ): Promise<number> {
    const [ours, theirs] = await Promise.all(
      [embedded.httpAddress!, real.httpAddress].map((server) => inferByHttp(server, model, inputs, sequence)),
    );
    const byName = new Map(theirs!.map((tensor) => [tensor.name, tensor]));
    expect(byName.size).toBe(ours!.length);
    let power = 0;
    for (const expected of ours!) {
      const { data, ...found } = byName.get(expected.name)!;
      expect(found).toMatchObject({ datatype: expected.datatype, shape: expected.shape });
      const largest = Math.max(...expected.data.map((value) => Math.abs(Number(value))));
      const worst = Math.max(...expected.data.map((value, i) => Math.abs(Number(value) - Number(data[i]))));
      expect(data).toHaveLength(expected.data.length);
      expect(worst).toBeLessThanOrEqual(1e-6 * Math.max(1, largest));
      power += largest;
    }
    return power;
  }

  it.each([
    ["snapshotter", "snapshot_update", [1, 3, 24]],
    ["aggregator", "update", [3, 2, 20]],
    ["background", "stream", [2, 2, 8]],
    ["stream", "stream", [1, 2, 24]],
  ] as const)(
    "%s keeps the states of two sequences apart, and begins anew with START",
    async (model, input, shape) => {
      const plan = [
        [11, true, false],
        [12, true, false],
        [11, false, false],
        [12, false, false],
        [12, true, false],
        [11, false, false],
        [12, false, true],
        [11, false, true],
        [11, true, true],
      ] as const;
      for (const [i, [id, start, end]] of plan.entries())
        expect(await expectSame(model, [wave(input, shape, i)], { id, start, end })).toBeGreaterThan(0.1);
    },
  );

  it("several streams in one snapshotter, of several lengths, feed several steps", async () => {
    for (const [i, start] of [true, false, false, true].entries())
      expect(
        await expectSame("several", [wave("strain", [1, 3, 16], i), wave("aux", [1, 1, 8], i + 5)], {
          id: 31,
          start,
          end: i === 3,
        }),
      ).toBeGreaterThan(0.1);
  });

  it("several streams are found out, and pushed through together", async () => {
    const streamed = async (address: string): Promise<{ spec: StreamingSpec; output: number[] }> => {
      await using client = await connect(address);
      const model = await client.model("together", {
        streaming: { sampleRate: 128, channels: ["H1", "L1", "mirror"] },
      });
      const seconds = Array.from({ length: 3 }, (_, i): Block => {
        const random = createRandom("together", i);
        return {
          kind: "series",
          quantity: "whitened",
          start: 128_000 + 128 * i,
          size: 128,
          sampleRate: 128,
          channels: ["H1", "L1", "mirror"],
          data: [0, 1, 2].map(() => {
            const data = new Float64Array(128);
            random.fillGaussian(data);
            return data;
          }),
        };
      });
      const blocks = await lastValueFrom(
        from(seconds).pipe(inferSequence(model, { anchor: "start" }), reassemble(), toArray()),
      );
      return {
        spec: model.streaming,
        output: blocks.flatMap((block) => (block.kind === "series" ? [...(block.data[0] ?? [])] : [])),
      };
    };
    const [ours, theirs] = [await streamed(embedded.grpcAddress), await streamed(real.address)];
    expect(theirs.spec).toEqual(ours.spec);
    expect(theirs.spec).toMatchObject({ memory: 24 - 8 + 8, latency: 8, updateSize: 2, batchSize: 2 });
    expect(theirs.spec.parts?.map(({ input, channels }) => [input.name, channels])).toEqual([
      ["strain", ["H1", "L1"]],
      ["witness", ["mirror"]],
    ]);
    expect(ours.output.length).toBeGreaterThan(60);
    const worst = Math.max(
      ...ours.output.map((value, i) => Math.abs(value - (theirs.output[i] ?? Number.NaN))),
    );
    expect(worst).toBeLessThan(1e-5);
    expect(Math.max(...ours.output.map(Math.abs))).toBeGreaterThan(0.1);
  });

  it("whitens in FP64 inside", async () => {
    expect(await expectSame("whitener", [wave("strain", [2, 2, 800], 1)])).toBeGreaterThan(0.1);
  });

  it("takes and gives tensors of several types, in batches of several sizes", async () => {
    for (const rows of [1, 4])
      await expectSame("kinds", [
        {
          name: "counts",
          datatype: "INT64",
          shape: [rows, 3],
          data: Array.from({ length: 3 * rows }, (_, n) => n - 2),
        },
        {
          name: "flags",
          datatype: "BOOL",
          shape: [rows, 3],
          data: Array.from({ length: 3 * rows }, (_, n) => n % 2 === 0),
        },
        {
          name: "numbers",
          datatype: "FP64",
          shape: [rows, 3],
          data: Array.from({ length: 3 * rows }, (_, n) => n / 3),
        },
      ]);
  });

  it("keeps a state through a request of the wrong shape", async () => {
    const control = (start: boolean) => ({ id: 21, start, end: false });
    await expectSame("snapshotter", [wave("snapshot_update", [1, 3, 24], 1)], control(true));
    for (const server of [embedded.httpAddress!, real.httpAddress])
      await expect(
        inferByHttp(server, "snapshotter", [wave("snapshot_update", [1, 3, 23], 2)], control(false)),
      ).rejects.toThrow(/unexpected shape/);
    await expectSame("snapshotter", [wave("snapshot_update", [1, 3, 24], 3)], {
      ...control(false),
      end: true,
    });
  });
});

const numpy = existsSync(venv)
  ? execFileSync(venv, ["-c", "import numpy; print(numpy.__version__, numpy.__path__[0])"], {
      encoding: "utf8",
    })
  : "";
const newNumpy = Number(numpy.split(".")[0]) >= 2;

describeTriton("a model on the python backend", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "strainflow-python-load-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.skipIf(!newNumpy)(
    "refuses to load with a numpy that would answer 0 bytes (needs numpy 2 beside)",
    async () => {
      const repository = await createRepository(join(folder, "numpy"));
      const { config, files } = buildSnapshotter({
        backend: "python",
        channels: 1,
        snapshotSize: 8,
        strideSize: 4,
        batchSize: 1,
      });
      const packages = resolve(numpy.trim().split(" ")[1]!, "..");
      const program = `import sys\nsys.path.insert(0, ${JSON.stringify(packages)})\n${files["1/model.py"] as string}`;
      await repository.add({ config, files: { ...files, "1/model.py": program } });
      await expect(startRealTriton(join(folder, "numpy"))).rejects.toThrow(
        /numpy 2[.0-9]+ does not fit this server's python backend/,
      );
    },
  );

  it("refuses to load where file and configuration differ, and where a provider is missing", async () => {
    const refused = async (name: string, change: Parameters<typeof addModel>[1]): Promise<void> => {
      await addModel(await createRepository(join(folder, name)), change);
      await startRealTriton(join(folder, name)).then((server) => server.close());
    };
    const base = { name: "kinds", platform: "onnxruntime_onnx", source: kinds(), backend: "python" } as const;
    await expect(
      refused("differs", { ...base, outputs: [{ name: "more", type: "INT32", shape: [-1, 3] }] }),
    ).rejects.toThrow(/output 'more' is INT32 in config\.pbtxt, and tensor\(int64\) in /);
    await expect(
      refused("provider", { ...base, executionProviders: ["NoSuchExecutionProvider"] }),
    ).rejects.toThrow(/of this environment has no NoSuchExecutionProvider/);
  });

  it("runs a program of one's own, with what lies beside it", async () => {
    const source = join(folder, "own");
    await createRepository(source);
    await writeFile(join(source, "factor.py"), "FACTOR = 3\n");
    await writeFile(
      join(source, "model.py"),
      `import triton_python_backend_utils as pb_utils
from factor import FACTOR

class TritonPythonModel:
    def execute(self, requests):
        get = pb_utils.get_input_tensor_by_name
        return [pb_utils.InferenceResponse([pb_utils.Tensor("y", get(r, "x").as_numpy() * FACTOR)]) for r in requests]
`,
    );
    const repository = await createRepository(join(folder, "served"));
    await addModel(repository, {
      name: "own",
      platform: "python",
      source,
      inputs: [{ name: "x", type: "FP32", shape: [-1] }],
      outputs: [{ name: "y", type: "FP32", shape: [-1] }],
    });
    await using server = await startRealTriton(join(folder, "served"));
    const answer = await inferByHttp(server.httpAddress, "own", [wave("x", [5], 1)]);
    const given = wave("x", [5], 1).data;
    expect(answer[0]!.data).toEqual(given.map((value) => Math.fround(Number(value) * 3)));
  });
});
