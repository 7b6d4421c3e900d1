import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, equals } from "@bufbuild/protobuf";
import { ModelConfigSchema, ModelInstanceGroup_Kind } from "@strainflow/proto";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildAggregator } from "./aggregator.ts";
import { buildBackgroundSnapshotter } from "./background-snapshotter.ts";
import { formatConfig, parseConfig } from "./config-text.ts";
import { inspectOnnx } from "./onnx/inspect.ts";
import { createRepository, openRepository } from "./repository.ts";
import { buildSnapshotter } from "./snapshotter.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "strainflow-repository-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const model = (name: string, platform = "onnxruntime_onnx") => ({
  config: create(ModelConfigSchema, { name, platform }),
  files: { "1/model.onnx": Uint8Array.of(1, 2, 3) },
});

describe("a repository", () => {
  it("lays a model out as a server wants it, and reads it back", async () => {
    const repository = await createRepository(join(folder, "models"));
    await repository.add(model("network"));
    await repository.add({ config: create(ModelConfigSchema, { name: "joined" }), files: { "1/": "" } });
    expect((await readdir(join(folder, "models"), { recursive: true })).sort()).toEqual([
      "joined",
      "joined/1",
      "joined/config.pbtxt",
      "network",
      "network/1",
      "network/1/model.onnx",
      "network/config.pbtxt",
    ]);
    const again = await openRepository(join(folder, "models"));
    expect(await again.list()).toEqual(["joined", "network"]);
    expect((await again.config("network")).platform).toBe("onnxruntime_onnx");
    expect([...(await again.read("network", "1/model.onnx"))]).toEqual([1, 2, 3]);
    expect(await again.store.files("network")).toEqual(["1/model.onnx", "config.pbtxt"]);
    await again.remove("network");
    expect(await again.list()).toEqual(["joined"]);
  });

  it("writes over a model only when asked to, and leaves nothing of the old one", async () => {
    const repository = await createRepository(folder);
    await repository.add({ ...model("network"), files: { "1/model.onnx": "old", "1/other": "old" } });
    await expect(repository.add(model("network"))).rejects.toMatchObject({ tag: "model-exists" });
    await repository.add(model("network", "ensemble"), { replace: true });
    expect(await repository.store.files("network")).toEqual(["1/model.onnx", "config.pbtxt"]);
    expect((await repository.config("network")).platform).toBe("ensemble");
    expect(await readdir(folder)).toEqual(["network"]);
  });

  it("keeps the model that was there, and no trace of the new one, when writing fails", async () => {
    const repository = await createRepository(folder);
    await repository.add(model("network"));
    await expect(
      repository.add(
        { ...model("network", "ensemble"), files: { "1/a": "x", "1/a/b": "y" } },
        { replace: true },
      ),
    ).rejects.toThrow();
    expect((await repository.config("network")).platform).toBe("onnxruntime_onnx");
    expect(await readdir(folder)).toEqual(["network"]);
  });

  it("never leaves its folder, whatever a name says", async () => {
    const root = join(folder, "a", "b");
    const repository = await createRepository(root);
    const hostile = fc.oneof(
      fc.constantFrom("..", ".", "", "../x", "a/../../x", "/etc", "a\\b", "a\0b", ".hidden", "-rf", "x/"),
      fc.string().filter((name) => !/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(name)),
    );
    await fc.assert(
      fc.asyncProperty(hostile, async (name) => {
        for (const attempt of [
          () => repository.add(model(name), { replace: true }),
          () => repository.config(name),
          () => repository.remove(name),
          () => repository.add({ ...model("fine"), files: { [`${name}/../x`]: "" } }, { replace: true }),
        ])
          await expect(attempt()).rejects.toMatchObject({ tag: "bad-model-name" });
      }),
      { numRuns: 60 },
    );
    expect(await readdir(root)).toEqual([]);
    expect(await readdir(folder)).toEqual(["a"]);
  });

  it("says what is missing, and where a configuration is at fault", async () => {
    await expect(openRepository(join(folder, "nowhere"))).rejects.toMatchObject({ tag: "no-model" });
    const repository = await createRepository(folder);
    await expect(repository.config("nope")).rejects.toMatchObject({ tag: "no-model" });
    await repository.add(model("broken"));
    await writeFile(join(folder, "broken", "config.pbtxt"), 'name: "broken"\nmax_batch_size: "many"\n');
    await expect(repository.config("broken")).rejects.toThrow(/broken\/config\.pbtxt cannot be read/);
  });
});

describe("a configuration's text", () => {
  it("survives a round trip", () => {
    const { config } = buildSnapshotter({ channels: [2, 1], snapshotSize: 64, strideSize: 16, batchSize: 4 });
    const text = formatConfig(config);
    expect(equals(ModelConfigSchema, parseConfig(text), config)).toBe(true);
    expect(formatConfig(parseConfig(text))).toBe(text);
  });

  it("is, for a snapshotter, the form that was seen to work on a Triton server", () => {
    const { config } = buildSnapshotter({ channels: 2, snapshotSize: 4096, strideSize: 512, batchSize: 8 });
    const verified = `
      name: "snapshotter"
      platform: "onnxruntime_onnx"
      input [ { name: "snapshot_update" data_type: TYPE_FP32 dims: [ 1, 2, 4096 ] } ]
      output [ { name: "snapshot" data_type: TYPE_FP32 dims: [ 8, 2, 4096 ] } ]
      instance_group [ { count: 1 kind: KIND_CPU } ]
      sequence_batching {
        max_sequence_idle_microseconds: 10000000
        direct {}
        state [ {
          input_name: "input_snapshot" output_name: "output_snapshot" data_type: TYPE_FP32 dims: [ 1, 2, 4096 ]
          initial_state { data_type: TYPE_FP32 dims: [ 1, 2, 4096 ] zero_data: true name: "snapshot" }
        } ]
      }
      parameters { key: "intra_op_thread_count" value: { string_value: "1" } }
      parameters { key: "strainflow.stride_size" value: { string_value: "512" } }
      parameters { key: "strainflow.batch_size" value: { string_value: "8" } }
      parameters { key: "strainflow.memory" value: { string_value: "3584" } }
      parameters { key: "strainflow.latency" value: { string_value: "0" } }
      parameters { key: "strainflow.native" value: { string_value: "snapshotter" } }`;
    expect(parseConfig(formatConfig(config))).toEqual(parseConfig(verified));
  });

  const IDLE = "max_sequence_idle_microseconds: 10000000";
  const zeros = (name: string, type: string, dims: string) => `state [ {
    input_name: "input_${name}" output_name: "output_${name}" data_type: ${type} dims: [ ${dims} ]
    initial_state { data_type: ${type} dims: [ ${dims} ] zero_data: true name: "${name}" } } ]`;
  const batching = (config: ReturnType<typeof parseConfig>) => config.schedulingChoice;

  it("is, for all that keep a state, that form field by field: dims with the batch, zeros at START, no control", () => {
    const built = [
      buildAggregator({ kernelSize: 8, updateSize: 1, batchSize: 8, numUpdates: 8 }),
      buildAggregator({ kernelSize: 8, updateSize: 2, batchSize: 4, numUpdates: 3, channels: 2 }),
      buildBackgroundSnapshotter({ streams: 2, channels: 2, stateSize: 96, updateSize: 16 }),
      buildSnapshotter({
        batchSize: 4,
        streams: [
          { input: "a", strideSize: 8, snapshots: [{ output: "x", channels: 2, size: 64 }] },
          { input: "b", strideSize: 4, snapshots: [{ output: "y", channels: 0, size: 16 }] },
        ],
      }),
    ];
    const expected = [
      zeros("online_average", "TYPE_FP32", "1, 7"),
      zeros("online_average", "TYPE_FP32", "1, 2, 4"),
      zeros("snapshot", "TYPE_FP32", "2, 2, 96"),
      `${zeros("snapshot_0", "TYPE_FP32", "1, 2, 64")} ${zeros("snapshot_1", "TYPE_FP32", "1, 1, 16")}`,
    ];
    for (const [i, { config, files }] of built.entries()) {
      expect(batching(config)).toEqual(
        batching(parseConfig(`sequence_batching { ${IDLE} direct {} ${expected[i]} }`)),
      );
      expect(config).toMatchObject({ platform: "onnxruntime_onnx", backend: "", maxBatchSize: 0 });
      expect(config.instanceGroup).toMatchObject([{ count: 1, kind: ModelInstanceGroup_Kind.CPU }]);
      expect(config.parameters["intra_op_thread_count"]?.stringValue).toBe("1");
      expect(config.parameters["strainflow.memory"]?.stringValue).toMatch(/^\d+$/);
      expect(config.parameters["strainflow.latency"]?.stringValue).toMatch(/^\d+$/);
      // What the graph has beyond inputs and outputs of the configuration are the states, in their very shapes.
      const graph = inspectOnnx(files["1/model.onnx"] as Uint8Array);
      const states =
        config.schedulingChoice.case === "sequenceBatching" ? config.schedulingChoice.value.state : [];
      expect(graph.inputs.slice(-states.length).length + config.input.length).toBe(graph.inputs.length);
      for (const { inputName, outputName, dims } of states)
        for (const tensor of [
          graph.inputs.find(({ name }) => name === inputName),
          graph.outputs.find(({ name }) => name === outputName),
        ])
          expect(tensor).toMatchObject({ datatype: "FP32", shape: dims.map(Number) });
    }
  });

  it("puts several sequences on one instance where asked, or one on each of several", () => {
    const options = { channels: 2, snapshotSize: 64, strideSize: 16, batchSize: 4 } as const;
    const oldest = buildSnapshotter({
      ...options,
      scheduling: "oldest",
      maxSequences: 6,
      kind: "AUTO",
    }).config;
    expect(batching(oldest)).toEqual(
      batching(
        parseConfig(
          `sequence_batching { ${IDLE} oldest { max_candidate_sequences: 6 } ${zeros("snapshot", "TYPE_FP32", "1, 2, 64")} }`,
        ),
      ),
    );
    expect(oldest.instanceGroup).toMatchObject([{ kind: ModelInstanceGroup_Kind.AUTO }]);
    const direct = buildSnapshotter({ ...options, instances: 6, kind: "GPU" }).config;
    expect(direct.instanceGroup).toMatchObject([{ count: 6, kind: ModelInstanceGroup_Kind.GPU }]);
  });

  it("has in Python a START control in place of states, and one sequence per instance", () => {
    const options = {
      backend: "python",
      channels: 2,
      snapshotSize: 64,
      strideSize: 16,
      batchSize: 4,
    } as const;
    const { config } = buildSnapshotter({ ...options, instances: 3, kind: "GPU" });
    expect(config).toMatchObject({ platform: "", backend: "python" });
    expect(batching(config)).toEqual(
      batching(
        parseConfig(`sequence_batching { ${IDLE} direct {}
          control_input [ { name: "START" control [ { kind: CONTROL_SEQUENCE_START int32_false_true: [ 0, 1 ] } ] } ] }`),
      ),
    );
    // A copy of windows has nothing to do on a GPU.
    expect(config.instanceGroup).toMatchObject([{ count: 3, kind: ModelInstanceGroup_Kind.CPU }]);
    expect(() => buildSnapshotter({ ...options, scheduling: "oldest" })).toThrow(
      /say with instances how many/,
    );
  });
});
