import { deflateSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createServer, type InferenceServer } from "../server.ts";
import { scaler, snapshotter, type TinyRepository, tinyRepository } from "../testing/tiny-repository.ts";

describe("HTTP", () => {
  let repository: TinyRepository;
  let server: InferenceServer;

  beforeAll(async () => {
    const io = `input [ { name: "x" data_type: TYPE_FP32 dims: [2] } ] output [ { name: "y" data_type: TYPE_FP32 dims: [2] } ]`;
    repository = await tinyRepository([
      scaler("net", 2, `max_batch_size: 8\n${io}`, ["batch", 2]),
      snapshotter("snap"),
    ]);
    server = await createServer({ repository: repository.path, workers: 1, maxMessageSize: 10_000 });
  });
  afterAll(async () => {
    await server.close();
    await repository.remove();
  });

  const get = async (path: string): Promise<[number, unknown]> => {
    const response = await fetch(`${server.httpAddress}${path}`);
    const text = await response.text();
    return [response.status, text === "" ? undefined : JSON.parse(text)];
  };
  const post = async (
    path: string,
    body: unknown,
    headers: Record<string, string> = {},
  ): Promise<[number, unknown]> => {
    const response = await fetch(`${server.httpAddress}${path}`, {
      method: "POST",
      body: typeof body === "string" ? body : JSON.stringify(body),
      headers,
    });
    return [response.status, JSON.parse(await response.text())];
  };
  const infer = (change: object = {}) => ({
    id: "one",
    inputs: [
      {
        name: "x",
        datatype: "FP32",
        shape: [2, 2],
        data: [
          [1, 2],
          [3, 4.5],
        ],
      },
    ],
    ...change,
  });

  it("answers for its health and its models", async () => {
    expect(await get("/v2")).toEqual([200, expect.objectContaining({ name: "strainflow" })]);
    expect(await get("/v2/health/live")).toEqual([200, undefined]);
    expect(await get("/v2/health/ready")).toEqual([200, undefined]);
    expect(await get("/v2/models/net/ready")).toEqual([200, undefined]);
    expect(await get("/v2/models/nope/ready")).toEqual([400, { error: "Model version not ready" }]);
    expect(await get("/v2/models/net")).toEqual([
      200,
      expect.objectContaining({
        name: "net",
        versions: ["1"],
        inputs: [{ name: "x", datatype: "FP32", shape: [-1, 2] }],
      }),
    ]);
    expect(await get("/v2/models/net/config")).toEqual([
      200,
      expect.objectContaining({
        name: "net",
        max_batch_size: 8,
        input: [expect.objectContaining({ dims: [2] })],
      }),
    ]);
    expect(await get("/v2/models/stats")).toEqual([
      200,
      {
        model_stats: [
          expect.objectContaining({ name: "net", version: "1" }),
          expect.objectContaining({ name: "snap" }),
        ],
      },
    ]);
    expect(await post("/v2/repository/index", {})).toEqual([
      200,
      [expect.objectContaining({ name: "net", state: "READY" }), expect.objectContaining({ name: "snap" })],
    ]);
  });

  it("runs a model", async () => {
    const outputs = [{ name: "y", datatype: "FP32", shape: [2, 2], data: [2, 4, 6, 9] }];
    const answer = { id: "one", model_name: "net", model_version: "1", outputs };
    expect(await post("/v2/models/net/infer", infer())).toEqual([200, answer]);
    expect(await post("/v2/models/net/versions/1/infer", infer({ outputs: [{ name: "y" }] }))).toEqual([
      200,
      answer,
    ]);
  });

  it("runs a sequence", async () => {
    const request = (parameters: object) => ({
      parameters,
      inputs: [{ name: "snapshot_update", datatype: "FP32", shape: [1, 2, 8], data: new Array(16).fill(1) }],
    });
    const [code, first] = await post(
      "/v2/models/snap/infer",
      request({ sequence_id: 3, sequence_start: true }),
    );
    expect(code).toBe(200);
    expect(
      (first as { outputs: { data: number[] }[] }).outputs[0]?.data.filter((value) => value === 1),
    ).toHaveLength(24);
    const [, second] = await post("/v2/models/snap/infer", request({ sequence_id: 3, sequence_end: true }));
    expect(
      (second as { outputs: { data: number[] }[] }).outputs[0]?.data.filter((value) => value === 1),
    ).toHaveLength(56);
    expect(await post("/v2/models/snap/infer", request({ sequence_id: 3 }))).toEqual([
      400,
      { error: expect.stringContaining("must specify the START flag") },
    ]);
  });

  it.each([
    [
      "unknown model",
      "/v2/models/nope/infer",
      infer(),
      404,
      "Request for unknown model: 'nope' is not found",
    ],
    [
      "unknown version",
      "/v2/models/net/versions/9/infer",
      infer(),
      404,
      "Request for unknown model: 'net' version 9 is not found",
    ],
    ["no JSON", "/v2/models/net/infer", "{", 500, "failed to parse the request JSON buffer"],
    ["no inputs", "/v2/models/net/infer", {}, 500, "attempt to access non-existing object member 'inputs'"],
    [
      "too few numbers",
      "/v2/models/net/infer",
      infer({ inputs: [{ name: "x", datatype: "FP32", shape: [2, 2], data: [1] }] }),
      500,
      "Unable to parse 'data': Shape does not match true shape of 'data' field",
    ],
    [
      "no numbers",
      "/v2/models/net/infer",
      infer({ inputs: [{ name: "x", datatype: "FP32", shape: [1, 2], data: ["a", "b"] }] }),
      500,
      "Unable to parse 'data': attempt to access JSON non-number as double",
    ],
    [
      "too large",
      "/v2/models/net/infer",
      infer({ id: "x".repeat(20_000) }),
      400,
      "the request is larger than 10000 bytes",
    ],
    ["control", "/v2/repository/models/net/load", {}, 503, "not allowed if polling is enabled"],
    ["no address", "/v2/models/%ff/infer", {}, 400, "is not an address"],
    ["elsewhere", "/v2/nowhere", {}, 404, "Not Found"],
  ])("refuses: %s", async (_, path, body, code, message) => {
    expect(await post(path, body)).toEqual([code, { error: expect.stringContaining(message) }]);
  });

  it.each([
    ["gzip", gzipSync],
    ["deflate", deflateSync],
  ] as const)("a little %s that would be a lot is refused before it is", async (encoding, pack) => {
    const bomb = pack(Buffer.alloc(64 * 2 ** 20, " "));
    expect(bomb.byteLength).toBeLessThan(100_000);
    const before = process.memoryUsage().rss;
    const answer = await fetch(`${server.httpAddress}/v2/models/net/infer`, {
      method: "POST",
      headers: { "content-encoding": encoding },
      // Within the limit of what is sent; far beyond it once it is unpacked.
      body: bomb.subarray(0, 9_000),
    });
    expect([answer.status, await answer.json()]).toEqual([
      400,
      { error: "the request is larger than 10000 bytes" },
    ]);
    expect(process.memoryUsage().rss - before).toBeLessThan(32 * 2 ** 20);
  });
});
