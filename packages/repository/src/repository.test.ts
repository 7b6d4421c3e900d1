import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, equals } from "@bufbuild/protobuf";
import { ModelConfigSchema } from "@strainflow/proto";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { formatConfig, parseConfig } from "./config-text.ts";
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
      parameters { key: "strainflow.native" value: { string_value: "snapshotter" } }`;
    expect(parseConfig(formatConfig(config))).toEqual(parseConfig(verified));
  });
});
