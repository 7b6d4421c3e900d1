import { GRPCInferenceService, type InferParameter } from "@strainflow/proto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createServer, type InferenceServer } from "../server.ts";
import { float32, floats, RawClient } from "../testing/raw-client.ts";
import { scaler, type TinyModel, type TinyRepository, tinyRepository } from "../testing/tiny-repository.ts";

/*
 * What a client sees of queues. A batch of exactly 4 is waited for by the minute, so that requests stay in the queue until
 * the test lets them out: by their timeout, or by filling the batch.
 */

const queued = (name: string, batching: string): TinyModel =>
  scaler(
    name,
    2,
    `max_batch_size: 4
input [ { name: "x" data_type: TYPE_FP32 dims: [-1] } ] output [ { name: "y" data_type: TYPE_FP32 dims: [-1] } ]
instance_group [ { count: 1 } ]
dynamic_batching { max_queue_delay_microseconds: 60000000 ${batching} }`,
    ["batch", "size"],
  );

describe("a queue", () => {
  let repository: TinyRepository;
  let server: InferenceServer;
  let client: RawClient;

  beforeAll(async () => {
    repository = await tinyRepository([
      queued(
        "hasty",
        "default_queue_policy { default_timeout_microseconds: 10000000 allow_timeout_override: true }",
      ),
      queued("deaf", "default_queue_policy { allow_timeout_override: true }"),
      queued(
        "levels",
        `priority_levels: 2 default_priority_level: 2
priority_queue_policy { key: 1 value { max_queue_size: 1 } } priority_queue_policy { key: 2 value { max_queue_size: 2 } }`,
      ),
    ]);
    server = await createServer({ repository: repository.path, workers: 1 });
    client = new RawClient(server.grpcAddress);
  });
  afterAll(async () => {
    client.close();
    await server.close();
    await repository.remove();
  });

  const request = (
    modelName: string,
    values: readonly number[],
    parameters: Record<string, bigint> = {},
  ) => ({
    modelName,
    id: "r",
    inputs: [{ name: "x", datatype: "FP32", shape: [BigInt(values.length), 1n] }],
    rawInputContents: [float32(values)],
    parameters: Object.fromEntries(
      Object.entries(parameters).map(([key, value]): [string, Omit<InferParameter, "$typeName">] => [
        key,
        { parameterChoice: { case: "int64Param", value } },
      ]),
    ),
  });
  const metric = async (line: string): Promise<number> => {
    const text = await (await fetch(server.metricsAddress ?? "")).text();
    return Number(
      text
        .split("\n")
        .find((found) => found.startsWith(line))
        ?.split(" ")[1],
    );
  };
  const untilPending = async (name: string, count: number): Promise<void> => {
    const line = `nv_inference_pending_request_count{model="${name}",version="1"}`;
    while ((await metric(line)) !== count) await new Promise((resolve) => setTimeout(resolve, 2));
  };

  it("refuses what it has no room for, and answers those that wait once their batch is full", async () => {
    const levels = [client.infer(request("levels", [1])), client.infer(request("levels", [2, 3]))];
    await untilPending("levels", 2);
    await expect(client.infer(request("levels", [9], { priority: 2n }))).rejects.toMatchObject({
      code: 14,
      details: "[request id: r] Exceeds maximum queue size",
    });
    // One that asks for no level, or for one that is not there, is of the default level.
    await expect(client.infer(request("levels", [9], { priority: 7n }))).rejects.toMatchObject({ code: 14 });
    expect(await metric('nv_inference_request_failure{model="levels",reason="REJECTED"')).toBe(2);
    // Another level's room is its own.
    const urgent = await client.infer(request("levels", [7], { priority: 1n }));
    expect(floats(urgent)).toEqual([14]);
    expect((await Promise.all(levels)).map((answer) => floats(answer))).toEqual([[2], [4, 6]]);
    await untilPending("levels", 0);
  });

  it("refuses a request that has waited for as long as it allows", async () => {
    await expect(client.infer(request("hasty", [1], { timeout: 20_000n }))).rejects.toMatchObject({
      code: 14,
      details: "Request timeout expired",
    });
    const { modelStats } = await client.unary(GRPCInferenceService.method.modelStatistics, { name: "hasty" });
    expect(modelStats[0]?.inferenceStats?.fail?.count).toBe(1n);
    expect(modelStats[0]?.inferenceStats?.success?.count).toBe(0n);
  });

  it("hears no timeout where the model has none to be shortened, as in Triton", async () => {
    const patient = client.infer(request("deaf", [1, 2, 3], { timeout: 1000n }));
    await untilPending("deaf", 1);
    await new Promise((resolve) => setTimeout(resolve, 30));
    const [waited, last] = await Promise.all([patient, client.infer(request("deaf", [4]))]);
    expect(floats(waited)).toEqual([2, 4, 6]);
    expect(floats(last)).toEqual([8]);
  });

  it("shows the size that it prefers where its configuration names none", async () => {
    const { config } = await client.unary(GRPCInferenceService.method.modelConfig, { name: "deaf" });
    const scheduling = config?.schedulingChoice;
    expect(scheduling?.case === "dynamicBatching" && scheduling.value.preferredBatchSize).toEqual([4]);
  });
});

describe("a queue of a model without a batch dimension", () => {
  it("runs its requests one by one, as in Triton", async () => {
    const repository = await tinyRepository([
      scaler(
        "single",
        2,
        `input [ { name: "x" data_type: TYPE_FP32 dims: [1] } ] output [ { name: "y" data_type: TYPE_FP32 dims: [1] } ]
dynamic_batching { }`,
        [1],
      ),
    ]);
    const server = await createServer({ repository: repository.path, workers: 1, httpPort: false });
    const client = new RawClient(server.grpcAddress);
    const answers = await Promise.all(
      [1, 2, 3].map((value) =>
        client.infer({
          modelName: "single",
          inputs: [{ name: "x", datatype: "FP32", shape: [1n] }],
          rawInputContents: [float32([value])],
        }),
      ),
    );
    expect(answers.map((answer) => floats(answer))).toEqual([[2], [4], [6]]);
    const { modelStats } = await client.unary(GRPCInferenceService.method.modelStatistics, {
      name: "single",
    });
    expect([modelStats[0]?.inferenceCount, modelStats[0]?.executionCount]).toEqual([3n, 3n]);
    client.close();
    await server.close();
    await repository.remove();
  });
});

describe("queues that are described wrongly", () => {
  it.each([
    ["preferred_batch_size: [5]", "dynamic batching preferred size must be <= max batch size for bad"],
    ["preferred_batch_size: [0]", "dynamic batching preferred size must be positive for bad"],
    ["priority_levels: 2", "default priority level must be in range [1, 2] for bad"],
    [
      "priority_levels: 2 default_priority_level: 1 priority_queue_policy { key: 3 value { max_queue_size: 1 } }",
      "priority queue policy must have priority level in range [1, 2] for bad",
    ],
  ])("%s: the server says so in Triton's words", async (batching, text) => {
    const repository = await tinyRepository([queued("bad", batching)]);
    await expect(createServer({ repository: repository.path, workers: 1 })).rejects.toThrow(text);
    await repository.remove();
  });
});
