import { GRPCInferenceService } from "@strainflow/proto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createServer, type InferenceServer } from "../server.ts";
import { float32, floats, RawClient } from "../testing/raw-client.ts";
import { scaler, type TinyRepository, tinyRepository } from "../testing/tiny-repository.ts";

describe("dynamic batching", () => {
  let repository: TinyRepository;
  let server: InferenceServer;
  let client: RawClient;

  beforeAll(async () => {
    const io = `input [ { name: "x" data_type: TYPE_FP32 dims: [-1] } ] output [ { name: "y" data_type: TYPE_FP32 dims: [-1] } ]
instance_group [ { count: 1 } ]`;
    repository = await tinyRepository([
      scaler(
        "four",
        2,
        `max_batch_size: 8\n${io}\ndynamic_batching { preferred_batch_size: [4] max_queue_delay_microseconds: 60000000 }`,
        ["batch", "size"],
      ),
      scaler(
        "late",
        2,
        `max_batch_size: 8\n${io}\ndynamic_batching { max_queue_delay_microseconds: 20000 }`,
        ["batch", "size"],
      ),
    ]);
    server = await createServer({ repository: repository.path, workers: 2, httpPort: false });
    client = new RawClient(server.grpcAddress);
  });
  afterAll(async () => {
    client.close();
    await server.close();
    await repository.remove();
  });

  const counts = async (name: string): Promise<[number, number]> => {
    const { modelStats } = await client.unary(GRPCInferenceService.method.modelStatistics, { name });
    return [Number(modelStats[0]?.inferenceCount), Number(modelStats[0]?.executionCount)];
  };
  const request = (modelName: string, rows: readonly (readonly number[])[]) => ({
    modelName,
    inputs: [{ name: "x", datatype: "FP32", shape: [BigInt(rows.length), BigInt(rows[0]?.length ?? 0)] }],
    rawInputContents: [float32(rows.flat())],
  });

  it("waits for a preferred size, and gives each request its own rows", async () => {
    const [inferences, executions] = await counts("four");
    const answers = await Promise.all([
      client.infer(request("four", [[1, 2]])),
      client.infer(request("four", [[3, 4]])),
      client.infer(
        request("four", [
          [5, 6],
          [7, 8],
        ]),
      ),
    ]);
    expect(answers.map((answer) => floats(answer))).toEqual([
      [2, 4],
      [6, 8],
      [10, 12, 14, 16],
    ]);
    expect(answers.map(({ outputs }) => outputs[0]?.shape)).toEqual([
      [1n, 2n],
      [1n, 2n],
      [2n, 2n],
    ]);
    expect(await counts("four")).toEqual([inferences + 4, executions + 1]);
  });

  it("does not put different shapes together", async () => {
    const [inferences, executions] = await counts("late");
    const answers = await Promise.all([
      client.infer(request("late", [[1, 2]])),
      client.infer(request("late", [[3, 4, 5]])),
    ]);
    expect(answers.map((answer) => floats(answer))).toEqual([
      [2, 4],
      [6, 8, 10],
    ]);
    expect(await counts("late")).toEqual([inferences + 2, executions + 2]);
  });

  it("a request that stays alone runs after the delay", async () => {
    expect(floats(await client.infer(request("late", [[1, 2]])))).toEqual([2, 4]);
  });
});
