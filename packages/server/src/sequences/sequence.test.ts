import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createServer, type InferenceServer } from "../server.ts";
import { float32, floats, RawClient, sequence } from "../testing/raw-client.ts";
import {
  accumulator,
  BATCH,
  CHANNELS,
  ensemble,
  network,
  SNAPSHOT,
  STRIDE,
  snapshotter,
  type TinyRepository,
  tinyRepository,
  UPDATE,
} from "../testing/tiny-repository.ts";

const shape = [1n, BigInt(CHANNELS), BigInt(UPDATE)];

/** The stream itself, and the windows that a snapshotter must cut from it. */
class Reference {
  readonly history: number[][] = Array.from({ length: CHANNELS }, () => new Array<number>(SNAPSHOT).fill(0));

  push(update: readonly number[]): number[] {
    for (const [c, row] of this.history.entries()) row.push(...update.slice(c * UPDATE, (c + 1) * UPDATE));
    const windows: number[] = [];
    for (let i = 0; i < BATCH; i++)
      for (const row of this.history) {
        const end = row.length - UPDATE + (i + 1) * STRIDE;
        windows.push(...row.slice(end - SNAPSHOT, end));
      }
    return windows;
  }
}

function score(windows: readonly number[]): number[] {
  const size = CHANNELS * SNAPSHOT;
  return Array.from({ length: BATCH }, (_, i) =>
    windows.slice(i * size, (i + 1) * size).reduce((sum, value, at) => sum + value * (1 + (at % 7)), 0),
  );
}

/** Whole numbers, so that float32 sums are exact. */
function updateOf(stream: number, index: number): number[] {
  return Array.from({ length: CHANNELS * UPDATE }, (_, i) => ((i * 7 + index * 13 + stream * 29) % 31) - 15);
}

describe("sequences", () => {
  let repository: TinyRepository;
  let server: InferenceServer;
  let client: RawClient;

  beforeAll(async () => {
    repository = await tinyRepository([
      snapshotter("onnx", "", 10_000, 2),
      snapshotter(
        "native",
        'parameters { key: "strainflow.native" value: { string_value: "snapshotter" } }',
        10_000,
        2,
      ),
      snapshotter("single"),
      snapshotter("brief", "", 60),
      network("network"),
      accumulator("sums"),
      ensemble("chain", "native", "network", "sums"),
    ]);
    server = await createServer({ repository: repository.path, workers: 2 });
    client = new RawClient(server.grpcAddress);
  });
  afterAll(async () => {
    client.close();
    await server.close();
    await repository.remove();
  });

  const request = (model: string, id: bigint | string, index: number, stream: number, flags = {}) => ({
    modelName: model,
    id: `${id}-${index}`,
    parameters: sequence(id, flags),
    inputs: [{ name: model === "chain" ? "stream" : "snapshot_update", datatype: "FP32", shape }],
    rawInputContents: [float32(updateOf(stream, index))],
  });

  it.each(["onnx", "native"])("%s: 200 updates of two interleaved sequences are exact", async (model) => {
    const stream = client.stream();
    const references = [new Reference(), new Reference()];
    const total = 200;
    for (let i = 0; i < total; i++)
      for (const s of [0, 1])
        stream.send(request(model, BigInt(s + 1), i, s, { start: i === 0, end: i === total - 1 }));
    for (let i = 0; i < total; i++)
      for (const [s, reference] of references.entries()) {
        const { errorMessage, inferResponse } = await stream.next();
        expect(errorMessage).toBe("");
        expect(inferResponse?.id).toBe(`${s + 1}-${i}`);
        expect(floats(inferResponse)).toEqual(reference.push(updateOf(s, i)));
      }
    stream.call.end();
    await stream.ended;
  });

  it("an ensemble with stateful steps on both sides of a stateless one keeps the order", async () => {
    const stream = client.stream();
    const references = [new Reference(), new Reference()];
    const totals = [0, 0];
    for (let i = 0; i < 60; i++)
      for (const s of [0, 1])
        stream.send(request("chain", `seq-${s}`, i, s, { start: i === 0, end: i === 59 }));
    for (let i = 0; i < 60; i++)
      for (const [s, reference] of references.entries()) {
        const { errorMessage, inferResponse } = await stream.next();
        expect(errorMessage).toBe("");
        const scores = score(reference.push(updateOf(s, i)));
        expect(floats(inferResponse, 0)).toEqual(scores);
        totals[s] = (totals[s] ?? 0) + scores.reduce((sum, value) => sum + value, 0);
        expect(floats(inferResponse, 1)).toEqual([totals[s]]);
      }
    stream.call.end();
    await stream.ended;
  });

  /** What a snapshotter answers to `updates` that began from nothing. */
  const expected = (stream: number, indexes: readonly number[]): number[] => {
    const reference = new Reference();
    let windows: number[] = [];
    for (const index of indexes) windows = reference.push(updateOf(stream, index));
    return windows;
  };
  const end = (model: string, id: bigint | string) => client.infer(request(model, id, 99, 0, { end: true }));

  it.each(["onnx", "native"])("%s: START in mid-sequence begins anew", async (model) => {
    await client.infer(request(model, "again", 0, 0, { start: true }));
    await client.infer(request(model, "again", 1, 0));
    const fresh = await client.infer(request(model, "again", 2, 0, { start: true }));
    expect(floats(fresh)).toEqual(expected(0, [2]));
    expect(floats(await client.infer(request(model, "again", 3, 0)))).toEqual(expected(0, [2, 3]));
    await end(model, "again");
  });

  it("another connection continues a sequence", async () => {
    const other = new RawClient(server.grpcAddress);
    await client.infer(request("onnx", "shared", 0, 0, { start: true }));
    expect(floats(await other.infer(request("onnx", "shared", 1, 0)))).toEqual(expected(0, [0, 1]));
    other.close();
    await end("onnx", "shared");
  });

  it("a refused request leaves the state as it was", async () => {
    await client.infer(request("onnx", "refused", 0, 0, { start: true }));
    const wrong = { ...request("onnx", "refused", 1, 0), rawInputContents: [new Uint8Array(3)] };
    await expect(client.infer(wrong)).rejects.toThrow(/byte size mismatch/);
    expect(floats(await client.infer(request("onnx", "refused", 1, 0)))).toEqual(expected(0, [0, 1]));
    await end("onnx", "refused");
  });

  it("an ensemble and its stateful step share a sequence by its id", async () => {
    await client.infer(request("chain", "both", 0, 0, { start: true }));
    expect(floats(await client.infer(request("native", "both", 1, 0)))).toEqual(expected(0, [0, 1]));
    const response = await client.infer(request("chain", "both", 2, 0, { end: true }));
    expect(floats(response)).toEqual(score(expected(0, [0, 1, 2])));
  });

  it("sequences beyond the slots wait for an END, and then run as if they had come then", async () => {
    const first = client.stream();
    const second = client.stream();
    first.send(request("single", "one", 0, 0, { start: true }));
    await first.next();
    second.send(request("single", "two", 0, 1, { start: true }));
    second.send(request("single", "two", 1, 1, { end: true }));
    expect(await second.quietFor(100)).toBe(true);
    first.send(request("single", "one", 1, 0, { end: true }));
    expect(floats((await first.next()).inferResponse)).toEqual(expected(0, [0, 1]));
    expect(floats((await second.next()).inferResponse)).toEqual(expected(1, [0]));
    expect(floats((await second.next()).inferResponse)).toEqual(expected(1, [0, 1]));
    for (const stream of [first, second]) {
      stream.call.end();
      await stream.ended;
    }
  });

  it("a waiting sequence holds back later answers of its stream", async () => {
    const stream = client.stream();
    await client.infer(request("single", "holder", 0, 0, { start: true }));
    stream.send(request("single", "waiter", 0, 0, { start: true, end: true }));
    stream.send(request("onnx", "free", 0, 0, { start: true, end: true }));
    expect(await stream.quietFor(100)).toBe(true);
    await end("single", "holder");
    expect((await stream.next()).inferResponse?.id).toBe("waiter-0");
    expect((await stream.next()).inferResponse?.id).toBe("free-0");
    stream.call.end();
    await stream.ended;
  });

  it("a slot is free after silence, and its sequence has to start again", async () => {
    await client.infer(request("brief", "silent", 0, 0, { start: true }));
    const waiting = client.infer(request("brief", "next", 0, 1, { start: true }));
    expect(floats(await waiting)).toEqual(expected(1, [0]));
    await expect(client.infer(request("brief", "silent", 1, 0))).rejects.toThrow(
      "inference request for sequence silent to model 'brief' must specify the START flag on the first request of the sequence",
    );
    await end("brief", "next");
  });

  it("a client that is killed leaves no waiting sequence behind", async () => {
    await client.infer(request("single", "keeper", 0, 0, { start: true }));
    const doomed = new RawClient(server.grpcAddress);
    const lost = doomed.stream();
    lost.send(request("single", "doomed", 0, 0, { start: true }));
    lost.send(request("single", "doomed", 1, 0));
    expect(await lost.quietFor(50)).toBe(true);
    lost.call.cancel();
    await expect(lost.ended).rejects.toThrow();
    doomed.close();
    const waiting = client.infer(request("single", "heir", 0, 1, { start: true, end: true }));
    await end("single", "keeper");
    expect(floats(await waiting)).toEqual(expected(1, [0]));
    await expect(client.infer(request("single", "doomed", 2, 0))).rejects.toThrow(
      /must specify the START flag/,
    );
  });
});
