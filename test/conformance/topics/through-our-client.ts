import { connect, type TritonClient } from "@strainflow/triton";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Topic, topic } from "../subject.ts";

/** A little of the above by the client that people use: the rest of it is tested in its own package. */
export const throughOurClient: Topic = topic("through our client", (subject) => {
  let client: TritonClient;
  beforeAll(async () => {
    client = await connect(subject().grpc);
  });
  afterAll(() => client.close());

  it("one request", async () => {
    const model = await client.servedModel("net");
    const { outputs } = await model.infer({ inputs: { x: Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7) } });
    expect(outputs["y"]).toMatchObject({
      datatype: "FP32",
      shape: [1, 2, 4],
      data: Float32Array.of(0, 2, 4, 6, 8, 10, 12, 14),
    });
  });

  it("a sequence", async () => {
    const model = await client.servedModel("sum");
    const session = model.openSession();
    const totals: unknown[] = [];
    for (const value of [1, 2, 4]) {
      const { outputs } = await session.infer({ x: Float32Array.of(value) });
      totals.push(outputs["total"]?.data);
    }
    await session.close();
    expect(totals).toEqual([Float32Array.of(1), Float32Array.of(3), Float32Array.of(7)]);
  });

  it("a decoupled model", async () => {
    const model = await client.servedModel("repeat");
    const values: unknown[] = [];
    const inputs = { IN: Int32Array.of(3, 4, 5), DELAY: Uint32Array.of(0, 0, 0), WAIT: Uint32Array.of(0) };
    for await (const { outputs } of model.inferMany({ inputs })) values.push(outputs["OUT"]?.data);
    expect(values).toEqual([Int32Array.of(3), Int32Array.of(4), Int32Array.of(5)]);
  });

  it("the words of a refusal", async () => {
    await expect(client.servedModel("nope")).rejects.toThrow(/'nope'/);
  });
});
