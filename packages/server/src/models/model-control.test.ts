import { mkdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { GRPCInferenceService } from "@strainflow/proto";
import { describe, expect, it } from "vitest";
import { io, controlModels as models, onnx, scale } from "../testing/control-models.ts";
import { float32, floats, sequence } from "../testing/raw-client.ts";
import { serveTiny } from "../testing/serve-tiny.ts";

const { method } = GRPCInferenceService;
const text = (value: string) => ({ parameterChoice: { case: "stringParam" as const, value } });
const bytes = (value: Uint8Array) => ({ parameterChoice: { case: "bytesParam" as const, value } });
const bool = (value: boolean) => ({ parameterChoice: { case: "boolParam" as const, value } });

describe("models that clients load and unload", () => {
  const tiny = serveTiny(
    models,
    { workers: 2, modelControl: "explicit", startupModels: ["net"], metricsPort: false },
    "test",
  );
  const load = (modelName: string, parameters = {}) =>
    tiny.client.unary(method.repositoryModelLoad, { modelName, parameters });
  const unload = (modelName: string, dependents?: boolean) =>
    tiny.client.unary(method.repositoryModelUnload, {
      modelName,
      parameters: dependents === undefined ? {} : { unload_dependents: bool(dependents) },
    });
  const index = async (ready = false): Promise<string[]> => {
    const { models: all } = await tiny.client.unary(method.repositoryIndex, { ready });
    return all.map(({ name, version, state, reason }) => [name, version, state, reason].join(":"));
  };
  const infer = async (modelName: string, modelVersion = "", input = "x"): Promise<number[]> =>
    floats(await tiny.infer(modelName, { modelVersion, input, values: [1, 10] }));

  it("lists all that lies there, with the states of what was ever loaded", async () => {
    expect(await index()).toEqual([
      "badens:::",
      "badtext:::",
      "broken:::",
      "count:::",
      "ens:::",
      "latest:::",
      "net:1:READY:",
      "noversion:::",
      "ver:::",
    ]);
    expect(await index(true)).toEqual(["net:1:READY:"]);
    await load("ver");
    await unload("net");
    expect(await index()).toEqual(
      expect.arrayContaining(["net:1:UNAVAILABLE:unloaded", "ver:1:READY:", "ver:3:READY:"]),
    );
    expect(await index(true)).toEqual(["ver:1:READY:", "ver:3:READY:"]);
    await expect(
      tiny.client.unary(method.repositoryIndex, { repositoryName: "other" }),
    ).rejects.toMatchObject({
      code: status.UNIMPLEMENTED,
      details: "'repository_name' specification is not supported",
    });
  });

  it("serves the versions that the policy names, the highest by default", async () => {
    await load("ver");
    expect(await infer("ver")).toEqual([4, 40]);
    expect(await infer("ver", "1")).toEqual([2, 20]);
    await expect(infer("ver", "2")).rejects.toMatchObject({
      code: status.NOT_FOUND,
      details: "Request for unknown model: 'ver' version 2 is not found",
    });
    await load("latest");
    expect(await infer("latest")).toEqual([3, 30]);
    expect((await tiny.client.unary(method.modelMetadata, { name: "ver" })).versions).toEqual(["1", "3"]);
  });

  it("refuses in Triton's words what it cannot load, and keeps what it has", async () => {
    const poll = (name: string) => `failed to load '${name}', failed to poll from model repository`;
    for (const name of ["nope", "badtext", "", "..", "../net", "net/1"])
      await expect(load(name)).rejects.toMatchObject({ code: status.INTERNAL, details: poll(name) });
    const refused = async (name: string, details: unknown): Promise<void> =>
      expect(load(name)).rejects.toMatchObject({ code: status.INVALID_ARGUMENT, details });
    await refused(
      "noversion",
      "load failed for model 'noversion': at least one version must be available under the version policy of model 'noversion'\n",
    );
    await refused(
      "badens",
      "load failed for model 'badens': ensemble badens contains models that are not available or ambiguous: missing\n",
    );
    await refused(
      "broken",
      expect.stringMatching(/^load failed for model 'broken': version 1 is at UNAVAILABLE state: Internal: /),
    );
    const { models: all } = await tiny.client.unary(method.repositoryIndex, {});
    const broken = all.find(({ name }) => name === "broken");
    expect(broken).toMatchObject({ version: "1", state: "UNAVAILABLE" });
    expect(broken?.reason).not.toContain(tiny.repository.path);
    await expect(tiny.client.unary(method.modelMetadata, { name: "broken" })).rejects.toMatchObject({
      details: "Request for unknown model: 'broken' has no available versions",
    });
    await expect(
      tiny.client.unary(method.modelMetadata, { name: "broken", version: "1" }),
    ).rejects.toMatchObject({
      code: status.UNAVAILABLE,
      details: "Request for unknown model: 'broken' version 1 is not at ready state",
    });
    expect(await tiny.client.unary(method.serverReady, {})).toMatchObject({ ready: false });
    expect(await infer("net")).toEqual([2, 20]);
  });

  it("answers for what is unloaded, and unloading what is not there is no error", async () => {
    await unload("nope");
    await unload("net");
    await expect(infer("net")).rejects.toMatchObject({
      code: status.NOT_FOUND,
      details: "Request for unknown model: 'net' has no available versions",
    });
    expect(await tiny.client.unary(method.modelReady, { name: "net" })).toMatchObject({ ready: false });
    expect(await tiny.client.unary(method.serverReady, {})).toMatchObject({ ready: true });
    await expect(tiny.client.unary(method.modelStatistics, { name: "net" })).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: "requested model 'net' is not available",
    });
    await load("net");
    expect(await infer("net")).toEqual([2, 20]);
  });

  it("loads an ensemble with its models, and unloads it alone, with them, or for want of one", async () => {
    await unload("net");
    await load("ens");
    const first = {
      sequence_id: sequence(5n, {}).sequence_id,
      sequence_start: bool(true),
      sequence_end: bool(true),
    };
    const answer = await tiny.client.infer({
      modelName: "ens",
      parameters: first as ReturnType<typeof sequence>,
      inputs: [{ name: "a", datatype: "FP32", shape: [2n] }],
      rawInputContents: [float32([1, 10])],
    });
    expect(floats(answer)).toEqual([1002, 1020]);
    await unload("ens");
    expect(await index(true)).toEqual(["count:1:READY:", "net:1:READY:"]);
    await load("ens");
    await unload("count");
    expect(await index(true)).toEqual(["net:1:READY:"]);
    expect(await index()).toContain("ens:1:UNAVAILABLE:unloaded");
    await load("ens");
    await unload("ens", true);
    expect(await index(true)).toEqual([]);
  });

  it("takes a configuration in place of the one that lies there, until the folder changes", async () => {
    const config = JSON.stringify({
      platform: "onnxruntime_onnx",
      parameters: { who: { string_value: "override" } },
    });
    const who = async () =>
      (await tiny.client.unary(method.modelConfig, { name: "net" })).config?.parameters.who?.stringValue;
    expect(await who()).toBeUndefined();
    await load("net", { config: text(config) });
    expect(await who()).toBe("override");
    expect(await infer("net")).toEqual([2, 20]);
    await load("net");
    expect(await who()).toBe("override");
    const later = new Date(Date.now() + 5000);
    await utimes(join(tiny.repository.path, "net", "config.pbtxt"), later, later);
    await load("net");
    expect(await who()).toBeUndefined();
    await expect(load("net", { config: text('{"max_batch_size": -3}') })).rejects.toMatchObject({
      details: "failed to load 'net', failed to poll from model repository",
    });
    await expect(load("net", { config: text('{"name": "other"}') })).rejects.toMatchObject({
      code: status.INTERNAL,
    });
  });

  it("takes a model's files from the request, and names that lead out of its folder not", async () => {
    const config = text("{}");
    await load("brought", { config, "file:3/model.onnx": bytes(scale(7)) });
    expect(await infer("brought")).toEqual([7, 70]);
    expect((await tiny.client.unary(method.modelMetadata, { name: "brought" })).versions).toEqual(["3"]);
    expect(await index()).not.toContain("brought:3:READY:");
    await load("net", { config, "file:1/model.onnx": bytes(scale(5)) });
    expect(await infer("net")).toEqual([5, 50]);
    await load("net");
    expect(await infer("net")).toEqual([2, 20]);
    for (const path of ["../1/model.onnx", "/tmp/model.onnx", "1/../../x", "1//model.onnx"])
      await expect(load("net", { config, [`file:${path}`]: bytes(scale(6)) })).rejects.toMatchObject({
        details: "failed to load 'net', failed to poll from model repository",
      });
    await expect(load("brought", { "file:1/model.onnx": bytes(scale(6)) })).rejects.toMatchObject({
      code: status.INTERNAL,
    });
    await unload("brought");
    await expect(load("brought")).rejects.toMatchObject({ code: status.INTERNAL });
  });

  it.each<[string, Record<string, object>, string]>([
    ["unknown", { other: text("x") }, "unrecognized load parameter 'other'."],
    [
      "config",
      { config: bool(true) },
      "invalid value type for load parameter 'config', expected string_param.",
    ],
    [
      "file",
      { "file:1/model.onnx": text("x") },
      "invalid value type for load parameter 'file:1/model.onnx', expected bytes_param.",
    ],
  ])("refuses load parameters of another kind: %s", async (_, parameters, details) => {
    await expect(load("net", parameters)).rejects.toMatchObject({ code: status.INVALID_ARGUMENT, details });
  });

  it("completes a configuration from the ONNX file where none is given", async () => {
    await mkdir(join(tiny.repository.path, "bare", "1"), { recursive: true });
    await writeFile(join(tiny.repository.path, "bare", "1", "model.onnx"), scale(3, ["batch", 2]));
    await load("bare");
    const { config } = await tiny.client.unary(method.modelConfig, { name: "bare" });
    expect(config).toMatchObject({
      name: "bare",
      platform: "onnxruntime_onnx",
      backend: "onnxruntime",
      maxBatchSize: 4,
      input: [{ name: "x", dims: [2n] }],
      output: [{ name: "y", dims: [2n] }],
      schedulingChoice: { case: "dynamicBatching" },
      versionPolicy: { policyChoice: { case: "latest", value: { numVersions: 1 } } },
      instanceGroup: [{ name: "bare", count: 1 }],
      defaultModelFilename: "model.onnx",
    });
    const { inputs } = await tiny.client.unary(method.modelMetadata, { name: "bare" });
    expect(inputs).toMatchObject([{ name: "x", datatype: "FP32", shape: [-1n, 2n] }]);
  });

  it("warms a model up before it is served, and not one whose samples do not fit", async () => {
    const sample = (dims: string, input = "x") =>
      `${onnx}${io} model_warmup [ { name: "w" count: 3 inputs { key: "${input}" value { data_type: TYPE_FP32 dims: [${dims}] random_data: true } } } ]`;
    const config = join(tiny.repository.path, "net", "config.pbtxt");
    await writeFile(config, sample("2"));
    await load("net");
    const { modelStats } = await tiny.client.unary(method.modelStatistics, { name: "net" });
    expect(modelStats[0]?.inferenceCount).toBe(0n);
    await writeFile(config, sample("3"));
    await expect(load("net")).rejects.toMatchObject({
      details: expect.stringContaining("model_warmup 'w' failed"),
    });
    expect(await infer("net")).toEqual([2, 20]);
  });
});
