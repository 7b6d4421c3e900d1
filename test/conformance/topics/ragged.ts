import { GRPCInferenceService } from "@strainflow/proto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Topic, topic } from "../subject.ts";
import { float32, floats, integers } from "../wire/bytes.ts";
import { inferRequest } from "../wire/messages.ts";
import { RawGrpc } from "../wire/raw-grpc.ts";

const ask = (id: string, values: readonly number[], k = 1) =>
  inferRequest(
    "ragged",
    [
      ["x", "FP32", [1, values.length], float32(...values)],
      ["k", "FP32", [1, 1], float32(k)],
    ],
    { id },
  );

/** Who shares a batch hangs on who has come by then: on a machine that stands still meanwhile it is tried again. */
const AGAIN = { retry: 3 };

/** Requests of different lengths in one batch. */
export const ragged: Topic = topic("ragged batches", (subject) => {
  let client: RawGrpc;
  beforeAll(() => {
    client = new RawGrpc(subject().grpc);
  });
  afterAll(() => client.close());

  it.each([
    ["three of three lengths", [[1, 2, 3], [10], [20, 30]], [3, 3, 3]],
    ["of the same length", [[1], [2], [4]], [3, 3, 3]],
    ["two, when no third comes", [[5, 5, 5, 5], [7]], [2, 2]],
    ["one without any elements", [[], [1, 1], [2]], [3, 3, 3]],
    ["more than one batch", [[1], [1, 2], [1, 2, 3], [4], [4, 5], [4, 5, 6]], [3, 3, 3, 3, 3, 3]],
  ])("%s", AGAIN, async (_, requests, together) => {
    const stream = client.stream();
    stream.send(...requests.map((values, at) => ask(`${at}`, values, at + 1)));
    const answers = await stream.take(requests.length);
    for (const [at, answer] of answers.entries()) {
      const values = requests[at] ?? [];
      expect(answer.error).toBe("");
      expect(floats(answer, "sum")).toEqual([(at + 1) * values.reduce((sum, value) => sum + value, 0)]);
      expect(floats(answer, "double")).toEqual(values.map((value) => 2 * value));
      expect(answer.outputs["double"]?.shape).toEqual([1, values.length]);
    }
    expect(answers.map((answer) => integers(answer, "together")[0])).toEqual(together);
    stream.end();
    await stream.ended;
  });

  it("counts as one run", async () => {
    const count = async (): Promise<readonly number[]> => {
      const { modelStats } = await client.call(GRPCInferenceService.method.modelStatistics, {
        name: "ragged",
      });
      return [Number(modelStats[0]?.inferenceCount), Number(modelStats[0]?.executionCount)];
    };
    const [inferences = 0, executions = 0] = await count();
    const answers = await Promise.all(
      [[1], [1, 2], [3, 4, 5]].map((values, at) => client.infer(ask(`${at}`, values))),
    );
    const runs = answers.reduce((sum, answer) => sum + 1 / (integers(answer, "together")[0] ?? 0), 0);
    await expect.poll(count, { timeout: 5000 }).toEqual([inferences + 3, executions + Math.round(runs)]);
  });

  it("where each request ends is no input of a client", async () => {
    const { inputs } = await client.call(GRPCInferenceService.method.modelMetadata, { name: "ragged" });
    expect(inputs.map(({ name, shape }) => [name, ...shape])).toEqual([
      ["x", -1n, -1n],
      ["k", -1n, 1n],
    ]);
    expect(
      (await client.refused(inferRequest("ragged", [["x", "FP32", [1, 2], float32(1, 2)]]))).text,
    ).toMatch(/expected 2 inputs but got 1 inputs/);
  });
});
