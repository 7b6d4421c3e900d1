import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { addModel, buildModel, type ModelOptions } from "./add-model.ts";
import { parseConfig } from "./config-text.ts";
import { createGraph } from "./onnx/graph.ts";
import { createRepository } from "./repository.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "strainflow-platforms-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const tensors = {
  inputs: [{ name: "x__0", type: "FP32", shape: [-1, 2, 64] }],
  outputs: [{ name: "y__0", type: "FP16", shape: [-1, 1] }],
} as const;
const bytes = Uint8Array.of(1, 2, 3);

/** A running sum, `[n, 3]`. */
function sum(): Uint8Array {
  const g = createGraph("sum");
  const total = g.op("Add", [g.input("x", "FP32", ["n", 3]), g.input("before", "FP32", ["n", 3])]);
  g.output("y", total, "FP32", ["n", 3]);
  g.output("after", g.op("Identity", [total]), "FP32", ["n", 3]);
  return g.toBytes();
}

describe("a model of any platform", () => {
  it.each([
    ["pytorch_libtorch", "model.pt", 'platform: "pytorch_libtorch"'],
    ["tensorflow_graphdef", "model.graphdef", 'platform: "tensorflow_graphdef"'],
    ["tensorrt_plan", "model.plan", 'platform: "tensorrt_plan"'],
    ["dali", "model.dali", 'backend: "dali"'],
    ["openvino", "model.xml", 'backend: "openvino"'],
    ["python", "model.py", 'backend: "python"'],
  ] as const)("%s lies where its backend looks, and passes the check", async (platform, file, named) => {
    const repository = await createRepository(folder);
    await addModel(repository, { name: "net", platform, source: bytes, ...tensors, version: 3 });
    expect(await repository.store.files("net")).toEqual([`3/${file}`, "config.pbtxt"]);
    const config = await repository.config("net");
    expect(config).toEqual(
      parseConfig(`name: "net" ${named}
        input [ { name: "x__0" data_type: TYPE_FP32 dims: [ -1, 2, 64 ] } ]
        output [ { name: "y__0" data_type: TYPE_FP16 dims: [ -1, 1 ] } ]
        instance_group [ { count: 1 ${platform === "tensorrt_plan" ? "kind: KIND_GPU" : ""} } ]`),
    );
    expect(await repository.verify()).toEqual([]);
  });

  it("takes a savedmodel's folder, and a program with what it imports", async () => {
    const saved = join(folder, "saved");
    await mkdir(join(saved, "variables"), { recursive: true });
    await writeFile(join(saved, "saved_model.pb"), bytes);
    await writeFile(join(saved, "variables", "variables.data-00000-of-00001"), bytes);
    const { files } = await buildModel({
      name: "net",
      platform: "tensorflow_savedmodel",
      source: saved,
      ...tensors,
    });
    expect(Object.keys(files).sort()).toEqual([
      "1/model.savedmodel/saved_model.pb",
      "1/model.savedmodel/variables/variables.data-00000-of-00001",
    ]);
    const program = join(folder, "program");
    await mkdir(join(program, "__pycache__"), { recursive: true });
    for (const name of ["model.py", "own.py", "__pycache__/own.pyc"])
      await writeFile(join(program, name), "");
    const python = await buildModel({ name: "net", platform: "python", source: program, ...tensors });
    expect(Object.keys(python.files).sort()).toEqual(["1/model.py", "1/own.py"]);
  });

  it("brings a Python environment along, or names one that is there", async () => {
    const archive = join(folder, "env.tar.gz");
    await writeFile(archive, bytes);
    const python = { name: "net", platform: "python", source: bytes, ...tensors } as const;
    const packed = await buildModel({ ...python, environmentArchive: archive });
    expect(packed.files["env.tar.gz"]).toEqual(Buffer.from(bytes));
    expect(packed.config.parameters["EXECUTION_ENV_PATH"]?.stringValue).toBe(
      "$$TRITON_MODEL_DIRECTORY/env.tar.gz",
    );
    const named = await buildModel({ ...python, environment: "/opt/envs/torch" });
    expect(named.config.parameters["EXECUTION_ENV_PATH"]?.stringValue).toBe("/opt/envs/torch");
    await expect(buildModel({ ...python, environmentArchive: folder })).rejects.toThrow(
      /make a \.tar\.gz with conda-pack/,
    );
    await expect(buildModel({ ...python, platform: "dali", environmentArchive: archive })).rejects.toThrow(
      /this is no python model/,
    );
  });

  it("learns from an ONNX file what it takes and gives, but for the batch and the states", async () => {
    const options: ModelOptions = {
      name: "sum",
      platform: "onnxruntime_onnx",
      source: sum(),
      maxBatchSize: 8,
      states: [{ name: "sum", input: "before", output: "after", type: "FP32", shape: [3] }],
    };
    const repository = await createRepository(folder);
    await addModel(repository, options);
    expect(await repository.config("sum")).toEqual(
      parseConfig(`name: "sum" platform: "onnxruntime_onnx" max_batch_size: 8
        input [ { name: "x" data_type: TYPE_FP32 dims: [ 3 ] } ]
        output [ { name: "y" data_type: TYPE_FP32 dims: [ 3 ] } ]
        instance_group [ { count: 1 kind: KIND_CPU } ]
        sequence_batching { max_sequence_idle_microseconds: 10000000 direct {}
          state [ { input_name: "before" output_name: "after" data_type: TYPE_FP32 dims: [ 3 ]
                    initial_state { data_type: TYPE_FP32 dims: [ 3 ] zero_data: true name: "sum" } } ] }
        parameters { key: "intra_op_thread_count" value { string_value: "1" } }`),
    );
    expect(await repository.verify()).toEqual([]);
  });

  it("has in other fields what it is told", async () => {
    const { config } = await buildModel({
      name: "net",
      platform: "tensorrt_plan",
      source: bytes,
      ...tensors,
      instances: 2,
      changes: {
        dynamicBatching: { maxQueueDelayMicroseconds: 100 },
        ccModelFilenames: { "8.0": "a100.plan" },
      },
    });
    expect(config.schedulingChoice.case).toBe("dynamicBatching");
    expect(config.ccModelFilenames).toEqual({ "8.0": "a100.plan" });
    expect(config.instanceGroup).toMatchObject([{ count: 2 }]);
  });

  it("is refused with what is missing", async () => {
    const refuse = (options: object, message: RegExp) =>
      expect(
        buildModel({ name: "net", platform: "pytorch_libtorch", source: bytes, ...tensors, ...options }),
      ).rejects.toThrow(message);
    await refuse({ inputs: undefined }, /net: inputs is left out; .* this is pytorch_libtorch/);
    await refuse({ source: join(folder, "none.pt") }, /there is neither a file nor a folder .*none\.pt/);
    await refuse({ source: { "other.pt": bytes } }, /there is no model\.pt in what is given, but other\.pt/);
    await refuse({ platform: "tensorflow_savedmodel", source: folder }, /there is no saved_model\.pb/);
    await refuse({ platform: "onnxruntime_onnx" }, /no ONNX model/);
    await refuse({ version: 0 }, /version is 0/);
    await refuse({ maxBatchSize: -1 }, /maxBatchSize is -1/);
    await refuse({ changes: { maxBatchSize: "many" } }, /maxBatchSize is "many"/);
  });
});
