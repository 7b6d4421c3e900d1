import { afterAll, beforeAll, expect, it } from "vitest";
import { type Topic, topic } from "../subject.ts";
import { float32, floats, int32, int64, integers, uint32 } from "../wire/bytes.ts";
import { type InferOptions, inferRequest } from "../wire/messages.ts";
import { RawGrpc } from "../wire/raw-grpc.ts";

const net = (id: string, value = 1, options: InferOptions = {}) =>
  inferRequest("net", [["x", "FP32", [1, 2, 4], float32(...new Array<number>(8).fill(value))]], {
    id,
    ...options,
  });
const work = (id: string, ms: number) => inferRequest("work", [["ms", "INT64", [1], int64(ms)]], { id });
const repeat = (
  id: string,
  values: readonly number[],
  delaysMs: readonly number[],
  options: InferOptions = {},
) =>
  inferRequest(
    "repeat",
    [
      ["IN", "INT32", [values.length], int32(...values)],
      ["DELAY", "UINT32", [delaysMs.length], uint32(...delaysMs)],
      ["WAIT", "UINT32", [1], uint32(0)],
    ],
    { id, ...options },
  );
const FINAL = { parameters: { triton_enable_empty_final_response: true } };

export const streams: Topic = topic("streams", (subject) => {
  let client: RawGrpc;
  beforeAll(() => {
    client = new RawGrpc(subject().grpc);
  });
  afterAll(() => client.close());

  it("answers come in the order of the requests, across models", async () => {
    const stream = client.stream();
    stream.send(work("slow", 150), net("a"), work("slower", 50), net("b"), net("c"));
    const arrivals = await stream.take(5);
    expect(arrivals.map(({ id }) => id)).toEqual(["slow", "a", "slower", "b", "c"]);
    expect(arrivals[0]?.outputs.done?.bytes).toEqual(int64(150));
    stream.end();
    expect((await stream.ended).code).toBe("OK");
  });

  it("a thousand requests at once all come back, in order", async () => {
    const stream = client.stream();
    for (let i = 0; i < 1000; i++) stream.send(net(`${i}`, i));
    stream.end();
    const arrivals = await stream.take(1000);
    expect(arrivals.map(({ id }) => id)).toEqual(Array.from({ length: 1000 }, (_, i) => `${i}`));
    for (const [i, arrival] of arrivals.entries()) expect(floats(arrival, "y")[0]).toBe(2 * i);
    expect((await stream.ended).code).toBe("OK");
  });

  it("a half-closed stream is answered to its end", async () => {
    const stream = client.stream();
    stream.send(work("slow", 100), net("a"));
    stream.end();
    expect((await stream.take(2)).map(({ id }) => id)).toEqual(["slow", "a"]);
    expect((await stream.ended).code).toBe("OK");
  });

  it("a stream without requests ends well", async () => {
    const stream = client.stream();
    stream.end();
    expect((await stream.ended).code).toBe("OK");
  });

  it("a cancelled stream is gone at once, and the server goes on", async () => {
    const stream = client.stream();
    stream.send(work("slow", 200), net("a"));
    stream.cancel();
    expect((await stream.ended).code).toBe("CANCELLED");
    expect((await client.infer(net("after"))).id).toBe("after");
  });

  it("each answer of a stream says that it is the last of its request", async () => {
    const stream = client.stream();
    stream.send(net("a"), net("b", 1, FINAL));
    for (const id of ["a", "b"])
      expect(await stream.next()).toMatchObject({ id, parameters: { triton_final_response: true } });
    stream.end();
    await stream.ended;
    expect((await client.infer(net("unary"))).parameters).toEqual({});
  });

  it("a decoupled model answers as often as it likes", async () => {
    const stream = client.stream();
    stream.send(repeat("r", [3, 4, 5], [0, 10, 0]));
    for (const [index, value] of [3, 4, 5].entries()) {
      const arrival = await stream.next();
      expect(arrival).toMatchObject({
        id: "r",
        model: "repeat",
        version: "1",
        error: "",
        parameters: { triton_final_response: false },
      });
      expect([integers(arrival, "OUT"), integers(arrival, "IDX")]).toEqual([[value], [index]]);
    }
    expect(await stream.quietFor(100)).toBe(true);
    stream.send(repeat("none", [], []));
    expect(await stream.quietFor(100)).toBe(true);
    stream.end();
    expect((await stream.ended).code).toBe("OK");
  });

  it("an empty last answer for those who ask for it", async () => {
    const stream = client.stream();
    stream.send(repeat("r", [3], [0], FINAL), repeat("none", [], [], FINAL));
    const arrivals = await stream.take(3);
    expect(
      arrivals.map(({ id, outputs, parameters }) => [
        id,
        Object.keys(outputs).sort(),
        parameters.triton_final_response,
      ]),
    ).toEqual([
      ["r", ["IDX", "OUT"], false],
      ["r", [], true],
      ["none", [], true],
    ]);
    expect(arrivals[1]).toMatchObject({ model: "repeat", version: "", error: "" });
    stream.end();
    await stream.ended;
  });

  it("answers of a decoupled model do not wait, and nobody waits for them", async () => {
    const stream = client.stream();
    stream.send(repeat("r", [3, 4], [200, 200]), net("n"));
    expect((await stream.take(3)).map(({ id }) => id)).toEqual(["n", "r", "r"]);
    stream.end();
    await stream.ended;
  });

  it("a decoupled request is checked like any other", async () => {
    const stream = client.stream();
    stream.send(
      repeat("a", [1], [0], { outputs: ["zz"] }),
      repeat("b", [1], [0], { parameters: { triton_enable_empty_final_response: 1n } }),
    );
    expect(await stream.take(2)).toMatchObject([
      { id: "a", error: "unexpected inference output 'zz' for model 'repeat'" },
      {
        id: "b",
        error: "invalid value type for 'triton_enable_empty_final_response' parameter, expected bool_param.",
      },
    ]);
    stream.send(repeat("c", [7], [0], { outputs: ["OUT"] }));
    expect(Object.keys((await stream.next()).outputs)).toEqual(["OUT"]);
    stream.end();
    await stream.ended;
  });
});
