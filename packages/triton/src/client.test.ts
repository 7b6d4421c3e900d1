import { fromText } from "@bufbuild/protobuf/txtpb";
import { ModelConfigSchema } from "@strainflow/proto";
import { afterEach, describe, expect, it } from "vitest";
import type { TritonClient } from "./client.ts";
import { type ConnectOptions, connect } from "./connect.ts";
import { type FakeModel, type FakeOptions, startFakeServer } from "./testing/fake-server.ts";
import { parseAddress } from "./transport/address.ts";
import { TRANSPORTS } from "./transport/transport.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

const SNAPSHOTTER: FakeModel = {
  metadata: {
    name: "snapshotter",
    versions: ["1", "10", "9"],
    inputs: [{ name: "snapshot_update", datatype: "FP32", shape: [1n, 2n, 1024n] }],
    outputs: [{ name: "snapshot", datatype: "FP32", shape: [8n, 2n, 2048n] }],
  },
  config: fromText(
    ModelConfigSchema,
    `name: "snapshotter" input { name: "snapshot_update" data_type: TYPE_FP32 dims: [1, 2, 1024] }
     output { name: "snapshot" data_type: TYPE_FP32 dims: [8, 2, 2048] }
     sequence_batching { state { input_name: "i" output_name: "o" dims: [1, 2, 2048] } }`,
  ),
};
const ENSEMBLE: FakeModel = {
  metadata: {
    name: "ensemble",
    versions: ["1"],
    inputs: [{ name: "stream", datatype: "FP32", shape: [1n, 2n, 1024n] }],
    outputs: [{ name: "windows", datatype: "FP32", shape: [8n, 2n, 2048n] }],
  },
  config: fromText(
    ModelConfigSchema,
    `name: "ensemble" platform: "ensemble" input { name: "stream" data_type: TYPE_FP32 dims: [1, 2, 1024] }
     parameters { key: "strainflow.sample_rate" value { string_value: "2048" } }
     parameters { key: "strainflow.channels" value { string_value: "H1,L1" } }
     ensemble_scheduling { step { model_name: "snapshotter" input_map { key: "snapshot_update" value: "stream" } output_map { key: "snapshot" value: "windows" } } }`,
  ),
};
const MODELS = { snapshotter: SNAPSHOTTER, ensemble: ENSEMBLE };

describe.each(TRANSPORTS)("a client over %s", (transport) => {
  async function connected(options: FakeOptions = {}, connectOptions: ConnectOptions = {}) {
    const server = await startFakeServer({ models: MODELS, ...options });
    cleanups.push(server.kill);
    const client: TritonClient = await connect(`grpc://${server.address}`, { transport, ...connectOptions });
    cleanups.push(() => client.close());
    return { server, client };
  }

  describe("that connects", () => {
    it("waits until the server is ready, and says who it is", async () => {
      let asked = 0;
      const { client } = await connected({ ready: () => ++asked > 3 });
      expect(asked).toBe(4);
      expect(client.server).toEqual({ name: "fake", version: "0", extensions: ["sequence"] });
      expect([await client.isLive(), await client.isReady()]).toEqual([true, true]);
      expect([await client.isModelReady("ensemble"), await client.isModelReady("nope")]).toEqual([
        true,
        false,
      ]);
    });

    it("waits for a server that comes up later on its port", async () => {
      const first = await startFakeServer();
      first.kill();
      const waiting = connect(first.address, { transport, waitMs: 10_000 });
      await new Promise((resolve) => setTimeout(resolve, 150));
      const second = await startFakeServer({ port: first.port });
      cleanups.push(second.kill);
      const client = await waiting;
      expect(await client.isLive()).toBe(true);
      client.close();
    });

    it("gives up after `waitMs`, with the reason", async () => {
      const gone = await startFakeServer();
      gone.kill();
      await expect(connect(gone.address, { transport, waitMs: 200 })).rejects.toMatchObject({
        tag: "server-unavailable",
        message: expect.stringMatching(/ECONNREFUSED.*is it running/),
      });
      await expect(connected({ ready: () => false }, { waitMs: 1000 })).rejects.toMatchObject({
        tag: "server-unavailable",
        message: expect.stringContaining("not all of its models are ready"),
      });
    });

    it("stops waiting when it is told to", async () => {
      const gone = await startFakeServer();
      gone.kill();
      const abort = new AbortController();
      setTimeout(() => abort.abort(), 50);
      await expect(connect(gone.address, { transport, signal: abort.signal })).rejects.toMatchObject({
        tag: "aborted",
      });
    });
  });

  describe("that has a model", () => {
    it("finds it with its tensors, its steps, and how it is streamed", async () => {
      const { client } = await connected();
      const model = await client.model("ensemble");
      expect(model).toMatchObject({
        name: "ensemble",
        version: "1",
        inputs: [{ name: "stream", datatype: "FP32", shape: [1, 2, 1024] }],
        outputs: [{ name: "windows" }],
        streaming: {
          sampleRate: 2048,
          channels: ["H1", "L1"],
          strideSize: 128,
          batchSize: 8,
          memory: 1920,
          latency: 0,
        },
      });
      const direct = await client.model("snapshotter", {
        streaming: { sampleRate: 2048, channels: ["H1", "L1"] },
      });
      expect(direct.version).toBe("10");
    });

    it("finds none where there is none: an error by its own tag", async () => {
      const { client } = await connected();
      await expect(client.model("nope")).rejects.toMatchObject({
        tag: "model-not-found",
        details: { status: "NOT_FOUND" },
      });
    });

    it("answers a single request", async () => {
      const { client } = await connected();
      const data = Float32Array.from({ length: 2048 }, (_, i) => i);
      const model = await client.model("ensemble");
      const { id, outputs } = await model.infer({
        id: "a",
        inputs: { stream: { datatype: "FP32", shape: [1, 2, 1024], data } },
      });
      expect(id).toBe("a");
      expect(outputs.stream?.data).toEqual(data);
    });

    it("refuses a single request with the server's words", async () => {
      const { client } = await connected({ unary: () => "unexpected shape" });
      await expect(client.infer("ensemble", { id: "a", inputs: {} })).rejects.toMatchObject({
        tag: "rpc-failed",
        details: { status: "INVALID_ARGUMENT", serverMessage: "unexpected shape" },
      });
    });

    it("ends an old sequence with one request of zeros", async () => {
      const { client, server } = await connected();
      const model = await client.model("ensemble");
      expect(await model.endSequence("7f3a")).toBe("ended");
      const request = server.requests.at(-1);
      expect(request?.parameters.sequence_id?.parameterChoice).toEqual({
        case: "stringParam",
        value: "7f3a",
      });
      expect(request?.parameters.sequence_start?.parameterChoice.value).toBe(false);
      expect(request?.parameters.sequence_end?.parameterChoice.value).toBe(true);
      expect(request?.inputs[0]?.shape).toEqual([1n, 2n, 1024n]);
      expect(request?.rawInputContents[0]).toEqual(Buffer.alloc(8192));
    });

    it("says how ending a sequence went, and never rejects", async () => {
      const text =
        'inference request for sequence 5 to model "m" must specify the START flag on the first request of the sequence';
      const { client, server } = await connected({ unary: () => text });
      const model = await client.model("ensemble");
      expect(await model.endSequence(5n)).toBe("unknown");
      server.kill();
      expect(await model.endSequence(5n, 200)).toBe("failed");
    });
  });
});

describe("connect", () => {
  it("goes by frames, and by grpc-js where its own options are given", async () => {
    const server = await startFakeServer();
    cleanups.push(server.kill);
    const plain = await connect(server.address);
    cleanups.push(() => plain.close());
    expect(server.userAgents.at(-1)).toBe("strainflow-triton");
    const channelOptions = { "grpc.primary_user_agent": "known by its options" };
    const client = await connect(server.address, { channelOptions });
    cleanups.push(() => client.close());
    expect(server.userAgents.at(-1)).toMatch(/^known by its options grpc-node-js/);
  });

  it.each<[string, object]>([
    ["transport", { transport: "http3" }],
    ["channelOptions", { transport: "frames", channelOptions: {} }],
    ["connections", { connections: 0 }],
  ])("refuses a `%s` that it cannot have", async (option, options) => {
    await expect(connect("127.0.0.1:1", options)).rejects.toMatchObject({
      tag: "invalid-option",
      message: expect.stringContaining(option),
    });
  });

  it.each([
    ["10.0.0.1", "grpc", "10.0.0.1:8001", false],
    ["grpc://host.local:9001", "grpc", "host.local:9001", false],
    ["grpcs://[::1]:443", "grpc", "[::1]:443", true],
    ["http://10.0.0.1", "http", "10.0.0.1:8000", false],
    ["https://host.local:8443/", "http", "host.local:8443", true],
  ])("reads the address %s", (text, protocol, target, secure) => {
    expect(parseAddress(text)).toEqual({ text, protocol, target, secure });
  });

  it.each(["", "ftp://a:1", "a:b", "a:99999", "grpc://a/b"])("refuses the address '%s'", (text) => {
    expect(() => parseAddress(text)).toThrow(expect.objectContaining({ tag: "invalid-option" }));
  });
});
