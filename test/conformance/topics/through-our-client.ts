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

  it("generate, one answer or many", async () => {
    await using byHttp = await connect(subject().http);
    const request = {
      id: "g",
      inputs: { text: "h\u00e9llo", n: [4] },
      parameters: { temperature: 0.5, big: 2n ** 60n },
    };
    const answer = {
      id: "g",
      modelName: "greeter",
      modelVersion: "1",
      outputs: { answer: "h\u00e9llo", twice: 8 },
    };
    expect(await byHttp.generate("greeter", request)).toEqual(answer);
    const inputs = { IN: [3, 4, 5], DELAY: [0, 10, 0], WAIT: 0 };
    const answers: unknown[] = [];
    for await (const { outputs } of byHttp.generateStream("repeat", { inputs }, { version: "1" }))
      answers.push(outputs);
    expect(answers).toEqual([3, 4, 5].map((value, index) => ({ OUT: value, IDX: index })));
    for await (const only of byHttp.generateStream("greeter", request)) expect(only).toEqual(answer);
  });

  it("generate that is refused, left early, and given up", async () => {
    await using byHttp = await connect(subject().http);
    const inputs = { IN: [3, 4, 5], DELAY: [0, 100, 100], WAIT: 0 };
    await expect(byHttp.generate("repeat", { id: "r", inputs })).rejects.toMatchObject({
      tag: "infer-refused",
      message: expect.stringContaining("exactly 1 response"),
      details: { modelName: "repeat", requestId: "r" },
    });
    const refused = { tag: "model-not-found", details: { modelName: "nope" } };
    await expect(byHttp.generate("nope", { inputs: {} })).rejects.toMatchObject(refused);
    await expect(byHttp.generateStream("nope", { inputs: {} }).next()).rejects.toMatchObject(refused);
    await expect(client.generate("greeter", { inputs: {} })).rejects.toMatchObject({ tag: "no-generate" });
    for await (const { outputs } of byHttp.generateStream("repeat", { inputs })) {
      expect(outputs).toEqual({ OUT: 3, IDX: 0 });
      break;
    }
    const giving = new AbortController();
    const answers = byHttp.generateStream("repeat", { inputs }, { signal: giving.signal });
    expect((await answers.next()).value).toMatchObject({ outputs: { OUT: 3 } });
    giving.abort();
    await expect(answers.next()).rejects.toMatchObject({ tag: "aborted" });
    // And the connections are good for what comes next.
    expect(await byHttp.generate("greeter", { inputs: { text: "again", n: 1 } })).toMatchObject({
      outputs: { twice: 2 },
    });
  });

  it("the words of a refusal", async () => {
    await expect(client.servedModel("nope")).rejects.toThrow(/'nope'/);
  });
});
