import { status } from "@grpc/grpc-js";
import { GRPCInferenceService, Health, HealthCheckResponse_ServingStatus } from "@strainflow/proto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createServer, type InferenceServer } from "./server.ts";
import { float32, floats, type InferInit, RawClient, sequence } from "./testing/raw-client.ts";
import {
  accumulator,
  CHANNELS,
  ensemble,
  network,
  scaler,
  snapshotter,
  type TinyRepository,
  tinyRepository,
  UPDATE,
} from "./testing/tiny-repository.ts";

const { method } = GRPCInferenceService;
const io = (dims: string) =>
  `input [ { name: "x" data_type: TYPE_FP32 dims: ${dims} } ] output [ { name: "y" data_type: TYPE_FP32 dims: ${dims} } ]`;

describe("the protocol, read by a plain gRPC client", () => {
  let repository: TinyRepository;
  let server: InferenceServer;
  let client: RawClient;

  beforeAll(async () => {
    const plain = scaler("plain", 2, io("[3]"), [3]);
    const second = scaler("plain", 3, io("[3]"), [3]);
    repository = await tinyRepository([
      scaler("net", 2, `max_batch_size: 8\n${io("[2, 4]")}`, ["batch", 2, 4]),
      {
        ...plain,
        config: `${plain.config}\nversion_policy { all {} }`,
        versions: { ...plain.versions, "7": second.versions?.["1"] ?? new Uint8Array() },
      },
      snapshotter("snap"),
      network("network"),
      accumulator("sums"),
      ensemble("ens", "snap", "network", "sums"),
      scaler("bare", 5, "", [3]),
    ]);
    server = await createServer({ repository: repository.path, workers: 1, maxMessageSize: 100_000 });
    client = new RawClient(server.grpcAddress);
  });
  afterAll(async () => {
    client.close();
    await server.close();
    await repository.remove();
  });

  const net = (change: InferInit = {}, shape = [1n, 2n, 4n]): InferInit => ({
    modelName: "net",
    inputs: [{ name: "x", datatype: "FP32", shape }],
    rawInputContents: [float32(new Array(Number(shape.reduce((a, b) => a * b, 1n))).fill(1))],
    ...change,
  });

  it("answers for its health", async () => {
    expect((await client.unary(method.serverLive, {})).live).toBe(true);
    expect((await client.unary(method.serverReady, {})).ready).toBe(true);
    expect((await client.unary(method.serverMetadata, {})).name).toBe("strainflow");
    expect((await client.unary(Health.method.check, {})).status).toBe(
      HealthCheckResponse_ServingStatus.SERVING,
    );
    const unknown = client.unary(Health.method.check, { service: "no" });
    await expect(unknown).rejects.toMatchObject({ code: status.NOT_FOUND });
    expect((await client.unary(method.modelReady, { name: "net" })).ready).toBe(true);
    expect((await client.unary(method.modelReady, { name: "nope" })).ready).toBe(false);
  });

  it("describes its models", async () => {
    const metadata = await client.unary(method.modelMetadata, { name: "net" });
    expect(metadata).toMatchObject({ name: "net", versions: ["1"], platform: "onnxruntime_onnx" });
    expect(metadata.inputs[0]).toMatchObject({ name: "x", datatype: "FP32", shape: [-1n, 2n, 4n] });
    expect((await client.unary(method.modelMetadata, { name: "plain" })).versions).toEqual(["1", "7"]);
    const { config } = await client.unary(method.modelConfig, { name: "snap" });
    expect(config?.schedulingChoice.case).toBe("sequenceBatching");
    const { models } = await client.unary(method.repositoryIndex, {});
    expect(models.map(({ name, version, state }) => `${name} ${version} ${state}`)).toContain(
      "plain 7 READY",
    );
  });

  it("keeps a state out of the metadata", async () => {
    const { inputs, outputs } = await client.unary(method.modelMetadata, { name: "snap" });
    expect([...inputs, ...outputs].map(({ name }) => name)).toEqual(["snapshot_update", "snapshot"]);
  });

  it("fills in what a configuration leaves to the graph", async () => {
    const { inputs, outputs } = await client.unary(method.modelMetadata, { name: "bare" });
    expect(inputs[0]).toMatchObject({ name: "x", datatype: "FP32", shape: [3n] });
    expect(outputs[0]).toMatchObject({ name: "y", datatype: "FP32", shape: [3n] });
  });

  it("runs the version asked for, and the highest where none is", async () => {
    const request = (modelVersion: string): InferInit => ({
      modelName: "plain",
      modelVersion,
      inputs: [{ name: "x", datatype: "FP32", shape: [3n] }],
      rawInputContents: [float32([1, 2, 3])],
    });
    expect(floats(await client.infer(request("1")))).toEqual([2, 4, 6]);
    const latest = await client.infer(request(""));
    expect(floats(latest)).toEqual([3, 6, 9]);
    expect(latest).toMatchObject({ modelName: "plain", modelVersion: "7", id: "" });
    expect(latest.outputs[0]).toMatchObject({ name: "y", datatype: "FP32", shape: [3n] });
  });

  it("takes numbers in typed contents", async () => {
    const response = await client.infer({
      modelName: "plain",
      modelVersion: "1",
      id: "typed",
      inputs: [{ name: "x", datatype: "FP32", shape: [3n], contents: { fp32Contents: [1, 2, 3.5] } }],
    });
    expect(response.id).toBe("typed");
    expect(floats(response)).toEqual([2, 4, 7]);
  });

  it("counts what it ran", async () => {
    const before = (await client.unary(method.modelStatistics, { name: "net" })).modelStats[0];
    await client.infer(net({}, [3n, 2n, 4n]));
    const after = (await client.unary(method.modelStatistics, { name: "net" })).modelStats[0];
    expect(Number(after?.inferenceCount) - Number(before?.inferenceCount)).toBe(3);
    expect(Number(after?.executionCount) - Number(before?.executionCount)).toBe(1);
    expect(after?.inferenceStats?.computeInfer?.ns).toBeGreaterThan(
      before?.inferenceStats?.computeInfer?.ns ?? 0n,
    );
    const all = await client.unary(method.modelStatistics, {});
    expect(all.modelStats.map(({ name }) => name)).toContain("ens");
  });

  const long = "NOTE: Setting a non-zero max_batch_size";
  const stateful = (modelName: string, parameters: InferInit["parameters"] = {}): InferInit => ({
    modelName,
    parameters,
    inputs: [
      {
        name: modelName === "ens" ? "stream" : "snapshot_update",
        datatype: "FP32",
        shape: [1n, BigInt(CHANNELS), BigInt(UPDATE)],
      },
    ],
    rawInputContents: [float32(new Array(CHANNELS * UPDATE).fill(0))],
  });
  const noId = "inference request to model 'snap' must specify a non-zero or non-empty correlation ID";
  const noStart =
    "inference request for sequence 990001 to model 'snap' must specify the START flag on the first request of the sequence";
  const wrong: [string, InferInit, keyof typeof status, string][] = [
    [
      "unknown model",
      net({ modelName: "nope" }),
      "NOT_FOUND",
      "Request for unknown model: 'nope' is not found",
    ],
    [
      "unknown version",
      net({ modelVersion: "7" }),
      "NOT_FOUND",
      "Request for unknown model: 'net' version 7 is not found",
    ],
    [
      "dtype",
      net({ id: "a", inputs: [{ name: "x", datatype: "INT32", shape: [1n, 2n, 4n] }] }),
      "INVALID_ARGUMENT",
      "[request id: a] inference input 'x' data-type is 'INT32', but model 'net' expects 'FP32'",
    ],
    [
      "shape",
      net({}, [1n, 2n, 3n]),
      "INVALID_ARGUMENT",
      `[request id: <id_unknown>] unexpected shape for input 'x' for model 'net'. Expected [-1,2,4], got [1,2,3]. ${long}`,
    ],
    [
      "shape beyond numbers",
      net({ inputs: [{ name: "x", datatype: "FP32", shape: [2n ** 62n, 2n, 4n] }] }),
      "INVALID_ARGUMENT",
      "[request id: <id_unknown>] inference request batch-size must be <= 8 for 'net'",
    ],
    [
      "negative shape",
      net({ inputs: [{ name: "x", datatype: "FP32", shape: [-1n, 2n, 4n] }] }),
      "INVALID_ARGUMENT",
      "[request id: <id_unknown>] inference request batch-size must be >= 1 for 'net'",
    ],
    [
      "batch",
      net({ id: "b" }, [9n, 2n, 4n]),
      "INVALID_ARGUMENT",
      "[request id: b] inference request batch-size must be <= 8 for 'net'",
    ],
    [
      "raw size",
      net({ id: "c", rawInputContents: [new Uint8Array(5)] }),
      "INVALID_ARGUMENT",
      "[request id: c] input byte size mismatch for input 'x' for model 'net'. Expected 32, got 5",
    ],
    [
      "contents and raw",
      net({
        inputs: [{ name: "x", datatype: "FP32", shape: [1n, 2n, 4n], contents: { fp32Contents: [1] } }],
      }),
      "INVALID_ARGUMENT",
      "contents field must not be specified when using raw_input_contents for 'x' for model 'net'",
    ],
    [
      "missing input",
      net({ id: "d", inputs: [], rawInputContents: [] }),
      "INVALID_ARGUMENT",
      "[request id: d] expected 1 inputs but got 0 inputs for model 'net'. Got input(s) [], but missing required input(s) ['x']. Please provide all required input(s).",
    ],
    [
      "unknown input",
      net({ inputs: [{ name: "q", datatype: "FP32", shape: [1n] }], rawInputContents: [float32([1])] }),
      "INVALID_ARGUMENT",
      "unexpected inference input 'q' for model 'net'",
    ],
    [
      "unknown output",
      net({ outputs: [{ name: "zz" }] }),
      "INVALID_ARGUMENT",
      "unexpected inference output 'zz' for model 'net'",
    ],
    ["no sequence id", stateful("snap"), "INVALID_ARGUMENT", noId],
    ["sequence id 0", stateful("snap", sequence(0n, { start: true })), "INVALID_ARGUMENT", noId],
    ["empty sequence id", stateful("snap", sequence("", { start: true })), "INVALID_ARGUMENT", noId],
    ["no START", stateful("snap", sequence(990001n)), "INVALID_ARGUMENT", noStart],
    ["no sequence id, ensemble", stateful("ens"), "INVALID_ARGUMENT", `in ensemble 'ens', ${noId}`],
    [
      "no START, ensemble",
      stateful("ens", sequence(990001n)),
      "INVALID_ARGUMENT",
      `in ensemble 'ens', ${noStart}`,
    ],
  ];

  it.each(wrong)("refuses by unary call: %s", async (_, request, code, message) => {
    const error: unknown = await client.infer(request).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: status[code] });
    expect((error as { details: string }).details.slice(0, message.length)).toBe(message);
  });

  it("refuses within a stream by id, in order, and the stream goes on", async () => {
    const stream = client.stream();
    for (const [index, [, request]] of wrong.entries()) {
      stream.send({ ...request, id: `bad-${index}` });
      stream.send(net({ id: `good-${index}` }));
    }
    for (const [index, [, , , message]] of wrong.entries()) {
      const refused = await stream.next();
      expect(refused.inferResponse?.id).toBe(`bad-${index}`);
      expect(refused.errorMessage.replace(/^\[request id: .*?\] /, "")).toContain(
        message.replace(/^\[request id: .*?\] /, ""),
      );
      const answered = await stream.next();
      expect(answered.errorMessage).toBe("");
      expect(answered.inferResponse?.id).toBe(`good-${index}`);
    }
    stream.call.end();
    await stream.ended;
  });

  it("refuses bytes that are no request, and goes on", async () => {
    const stream = client.stream();
    stream.call.write(Uint8Array.of(0x2a, 0xff, 0xff, 0xff, 0xff, 0x0f));
    stream.send(net({ id: "after" }));
    expect((await stream.next()).errorMessage).toContain("not a ModelInferRequest");
    expect((await stream.next()).inferResponse?.id).toBe("after");
    stream.call.end();
    await stream.ended;
  });

  it("refuses absurd requests in few words", async () => {
    const shape = new Array<bigint>(10_000).fill(1n);
    await expect(client.infer(net({}, shape))).rejects.toThrow(/more than 64 dimensions/);
    const long = client.infer(net({ modelName: "é".repeat(20_000) }));
    await expect(long).rejects.toMatchObject({ code: status.NOT_FOUND });
  });

  it("refuses a message beyond the limit, and lives", async () => {
    await expect(client.infer(net({}, [8000n, 2n, 4n]))).rejects.toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
    });
    expect(floats(await client.infer(net()))).toEqual(new Array(8).fill(2));
  });

  it("says plainly what it does not have", async () => {
    const control = { code: status.UNAVAILABLE, details: expect.stringMatching(/polling is enabled$/) };
    await expect(client.unary(method.repositoryModelLoad, { modelName: "net" })).rejects.toMatchObject(
      control,
    );
    await expect(client.unary(method.repositoryModelUnload, { modelName: "net" })).rejects.toMatchObject(
      control,
    );
  });
});
