import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildAggregator } from "./aggregator.ts";
import { buildBackgroundSnapshotter } from "./background-snapshotter.ts";
import { parseConfig } from "./config-text.ts";
import { addMatchedFilter } from "./matched-filter.ts";
import { createGraph } from "./onnx/graph.ts";
import { createRepository, type ModelRepository } from "./repository.ts";
import { buildSnapshotter } from "./snapshotter.ts";
import { buildWhitener } from "./whitener.ts";

let folder = "";
let repository: ModelRepository;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "strainflow-verify-"));
  repository = await createRepository(folder);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const io =
  'input [ { name: "x" data_type: TYPE_FP32 dims: [ 3 ] } ] output [ { name: "y" data_type: TYPE_FP32 dims: [ 3 ] } ] ';
const python = `backend: "python" ${io}`;

/** What is said of a model with this configuration: `where: problem`. */
async function said(
  text: string,
  files: Readonly<Record<string, string | Uint8Array>> = { "1/model.py": "" },
) {
  await repository.add({ config: parseConfig(`name: "m" ${text}`), files }, { replace: true });
  return (await repository.verify(["m"])).map(
    ({ severity, where, problem }) => `${severity === "warning" ? "(" : ""}${where}: ${problem}`,
  );
}

describe("the check of a repository", () => {
  it.each(["onnx", "python"] as const)(
    "finds nothing wrong with what this package writes, backend %s",
    async (backend) => {
      const series = Float64Array.from({ length: 64 }, (_, n) => Math.sin(n));
      await addMatchedFilter(repository, {
        bank: {
          templates: [{ hc: series, hs: series.toReversed(), mass1: 36, mass2: 29 }],
          sampleRate: 64,
          templateSize: 64,
          peakIndex: 47,
        },
        channels: ["H1", "L1"],
        batchSize: 4,
        strideSize: 16,
        backend,
      });
      await repository.add([
        buildSnapshotter({
          name: "s",
          channels: [2, 1],
          snapshotSize: 24,
          strideSize: 8,
          batchSize: 3,
          backend,
        }),
        buildAggregator({ kernelSize: 20, updateSize: 4, batchSize: 3, numUpdates: 3, channels: 2, backend }),
        buildBackgroundSnapshotter({
          name: "b",
          streams: 2,
          channels: 2,
          stateSize: 12,
          updateSize: 8,
          backend,
        }),
        buildWhitener({
          channels: 1,
          sampleRate: 128,
          inferenceSamplingRate: 4,
          batchSize: 2,
          psdLength: 4,
          backend,
        }),
      ]);
      expect(await repository.verify()).toEqual([]);
    },
  );

  it("says what is wrong, where, and what to do", async () => {
    await repository.add({ config: parseConfig(`name: "other" ${python}`), files: { "1/model.py": "" } });
    await repository.store.put("m", { "config.pbtxt": `name: "other" ${python}` });
    expect(await repository.verify(["m"])).toEqual([
      {
        model: "m",
        where: "name",
        severity: "error",
        problem: 'is "other", and the folder is "m"',
        fix: "name the model as its folder, or leave the name out",
      },
      expect.objectContaining({ where: "version_policy", severity: "error" }),
    ]);
    expect(await repository.verify(["nope"])).toMatchObject([
      { model: "nope", problem: "there is no such model" },
    ]);
  });

  it("knows versions and files", async () => {
    expect(await said(python, { "2/other.py": "" })).toEqual(["2/model.py: is missing"]);
    expect(await said(`${python} version_policy { specific { versions: [ 1, 3 ] } }`)).toEqual([
      "(version_policy: version 3 is not there",
    ]);
    expect(await said(`${python} version_policy { latest { num_versions: 0 } }`)).toHaveLength(1);
    expect(
      await said(`platform: "tensorrt_plan" ${io} default_model_filename: "n.plan"`, { "1/n.plan": "" }),
    ).toEqual([]);
    expect(
      await said(`platform: "tensorflow_savedmodel" ${io}`, { "1/model.savedmodel/saved_model.pb": "" }),
    ).toEqual([]);
    expect(await said(`platform: "python" ${io}`)).toEqual([
      'platform: "python" is no platform of Triton\'s',
    ]);
    await repository.store.put("m", { "config.pbtxt": "max_batch_size: many" });
    expect(await repository.verify(["m"])).toMatchObject([{ where: "config.pbtxt" }]);
    await repository.store.put("m", { "1/model.py": "" });
    expect(await repository.verify(["m"])).toMatchObject([{ where: "config.pbtxt", problem: "is missing" }]);
  });

  it("knows tensors", async () => {
    expect(await said(python.replace("[ 3 ]", "[ 0 ]"))).toEqual(["input x.dims: are [0]"]);
    expect(await said(python.replace("dims: [ 3 ]", ""))).toEqual(["input x.dims: are missing"]);
    expect(await said(python.replace("data_type: TYPE_FP32", ""))).toEqual(["input x.data_type: is missing"]);
    expect(await said('backend: "python"')).toHaveLength(2);
    expect(await said(`platform: "pytorch_libtorch" ${io}`, { "1/model.pt": "" })).toEqual([
      "(input x: TorchScript's tensors are found by the number at the end of their names",
      "output y: TorchScript's tensors are found by the number at the end of their names",
    ]);
  });

  it("knows batching", async () => {
    const dynamic = (text: string) => said(`${python} max_batch_size: 4 dynamic_batching { ${text} }`);
    expect(await dynamic("preferred_batch_size: [ 8 ]")).toEqual([
      "dynamic_batching.preferred_batch_size: is [8]",
    ]);
    expect(await dynamic("priority_levels: 2")).toEqual(["dynamic_batching.default_priority_level: is 0"]);
    expect(await said(`${python} dynamic_batching {}`)).toEqual([
      expect.stringMatching(/^\(dynamic_batching: without a batch/),
    ]);
    expect(await said(`${python} instance_group [ { kind: KIND_CPU gpus: [ 0 ] } ]`)).toHaveLength(1);
    expect(
      await said(`${python} response_cache { enable: true } model_transaction_policy { decoupled: true }`),
    ).toEqual(["response_cache: there is none for decoupled models"]);
    expect(
      await said(`${python} model_warmup [ { name: "w" batch_size: 4
        inputs { key: "x" value { data_type: TYPE_FP32 dims: [ 4 ] input_data_file: "w" } } } ]`),
    ).toHaveLength(3);
  });

  it("knows sequences and controls", async () => {
    const sequence = (text: string) =>
      said(`${python} sequence_batching { max_sequence_idle_microseconds: 10000000 direct {} ${text} }`);
    const control = (text: string) => sequence(`control_input [ { name: "S" control [ { ${text} } ] } ]`);
    expect(await sequence("")).toEqual([]);
    expect(await control("kind: CONTROL_SEQUENCE_START int32_false_true: [ 0, 1 ]")).toEqual([]);
    expect(await control("kind: CONTROL_SEQUENCE_START")).toHaveLength(1);
    expect(await control("kind: CONTROL_SEQUENCE_START int32_false_true: [ 0 ]")).toHaveLength(1);
    expect(await control("kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_FP32")).toEqual([
      "control_input S: its data_type is TYPE_FP32",
    ]);
    expect(
      await sequence('state [ { input_name: "i" output_name: "o" data_type: TYPE_FP32 dims: [ 1 ] } ]'),
    ).toEqual([
      "sequence_batching.state: the python backend does not carry implicit states",
      expect.stringMatching(/^\(sequence_batching.state\[0\].initial_state: is missing/),
    ]);
    expect(await said(`${python} sequence_batching { oldest {} }`)).toHaveLength(2);
  });
});

describe("the check of an ONNX model with a state", () => {
  /** A running sum; the batch dimension is fixed to 1, or of any size. */
  function sum(batch: number | string): Uint8Array {
    const g = createGraph("sum");
    const total = g.op("Add", [g.input("x", "FP32", [batch, 3]), g.input("before", "FP32", [batch, 3])]);
    g.output("y", total, "FP32", [batch, 3]);
    g.output("after", g.op("Identity", [total]), "FP32", [batch, 3]);
    return g.toBytes();
  }
  const config = (
    dims: string,
    batch: number,
    more = "",
  ) => `platform: "onnxruntime_onnx" max_batch_size: ${batch}
    input [ { name: "x" data_type: TYPE_FP32 dims: [ ${batch > 0 ? "3" : "1, 3"} ] } ]
    output [ { name: "y" data_type: TYPE_FP32 dims: [ ${batch > 0 ? "3" : "1, 3"} ] } ]
    sequence_batching { max_sequence_idle_microseconds: 10000000 direct {} ${more}
      state [ { input_name: "before" output_name: "after" data_type: TYPE_FP32 dims: [ ${dims} ]
                initial_state { data_type: TYPE_FP32 dims: [ ${dims} ] zero_data: true name: "sum" } } ] }`;

  it("knows when the batch dimension is among a state's, and when it is not", async () => {
    expect(await said(config("1, 3", 0), { "1/model.onnx": sum(1) })).toEqual([]);
    expect(await said(config("3", 8), { "1/model.onnx": sum("n") })).toEqual([]);
    expect(await said(config("3", 0), { "1/model.onnx": sum(1) })).toHaveLength(2);
    expect(await said(config("1, 3", 8), { "1/model.onnx": sum("n") })).toHaveLength(2);
    const [fix] = (await repository.verify(["m"])).map((problem) => problem.fix);
    expect(fix).toBe("say TYPE_FP32 [3]: with max_batch_size the batch dimension is left out");
    expect((await said(config("3", 8), { "1/model.onnx": sum(1) })).join()).toMatch(/one batch size only/);
  });

  it("knows the graph's names, types and controls", async () => {
    const files = { "1/model.onnx": sum(1) };
    expect(await said(config("1, 3", 0).replace('"before"', '"x2"'), files)).toEqual([
      "input before: the ONNX file takes it, and nothing feeds it",
      'sequence_batching.state[0].input_name: the ONNX file has no "x2"',
    ]);
    expect(await said(config("1, 3", 0).replace("TYPE_FP32", "TYPE_FP64"), files)).toEqual([
      "input x.data_type: is TYPE_FP64, and TYPE_FP32 in the ONNX file",
    ]);
    const start =
      'control_input [ { name: "S" control [ { kind: CONTROL_SEQUENCE_START int32_false_true: [ 0, 1 ] } ] } ]';
    expect(await said(config("1, 3", 0, start), files)).toEqual([
      "control_input S: the ONNX file has no such input, and the load fails",
    ]);
    expect(await said(config("1, 3", 0), { "1/model.onnx": "" })).toEqual([
      expect.stringMatching(/no ONNX model/),
    ]);
  });
});

describe("the check of an ensemble", () => {
  beforeEach(async () => {
    await repository.add({ config: parseConfig(`name: "step" ${python}`), files: { "1/model.py": "" } });
    await repository.add({
      config: parseConfig(`name: "batched" ${python} max_batch_size: 8`),
      files: { "1/model.py": "" },
    });
  });
  const step = (input: string, output: string, name = "step", version = -1) =>
    `{ model_name: "${name}" model_version: ${version} ${input === "" ? "" : `input_map { key: "x" value: "${input}" }`}
       output_map { key: "y" value: "${output}" } }`;
  const ensemble = (steps: readonly string[], more = io) =>
    said(`platform: "ensemble" ${more} ensemble_scheduling { step [ ${steps.join(", ")} ] }`, { "1/": "" });

  it("follows its tensors", async () => {
    expect(await ensemble([step("x", "y")])).toEqual([]);
    expect(await ensemble([step("x", "mid"), step("mid", "y")])).toEqual([]);
    expect(await ensemble([step("x", "y", "nope")])).toContainEqual(expect.stringMatching(/no such model/));
    expect(await ensemble([step("x", "y", "step", 7)])).toEqual(["step 0 (step): version 7 is not served"]);
    expect(await ensemble([step("x", "y"), step("x", "y")])).toEqual([
      "step 1 (step): makes tensor y, which step 0 (step) is already",
    ]);
    expect(await ensemble([step("x", "y"), step("b", "a"), step("a", "b")])).toEqual([
      "ensemble_scheduling: step 1 (step) and step 2 (step) wait for each other",
    ]);
    expect(await ensemble([step("x", "y"), step("x", "left")])).toEqual([
      "tensor left: nothing reads it; step 1 (step) makes it",
    ]);
    expect(await ensemble([step("", "y")])).toEqual([
      "step 0 (step): its input x is not mapped",
      "input x: no step reads it",
    ]);
    expect(await ensemble([])).toContainEqual("ensemble_scheduling.step: there is none");
  });

  it("compares types and shapes, a batch dimension counting", async () => {
    expect(await ensemble([step("x", "y")], io.replace("FP32", "INT32"))).toEqual([
      "step 0 (step) input x: takes TYPE_FP32, and is given TYPE_INT32",
    ]);
    expect(await ensemble([step("x", "y")], io.replace("[ 3 ]", "[ 4 ]"))).toEqual([
      "step 0 (step) input x: takes [3], and is given [4]",
    ]);
    expect(await ensemble([step("x", "y", "batched")], `max_batch_size: 4 ${io}`)).toEqual([]);
    expect(await ensemble([step("x", "y", "batched")], `max_batch_size: 16 ${io}`)).toEqual([
      "step 0 (batched): takes batches of 8 at most, the ensemble of 16",
    ]);
    expect(await ensemble([step("x", "y")], `${io} instance_group [ { count: 1 } ]`)).toEqual([
      "instance_group: an ensemble has none",
    ]);
  });
});
