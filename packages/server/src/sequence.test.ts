import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createServer, type InferenceServer } from "./server.ts";
import { float32, floats, RawClient, sequence } from "./testing/raw-client.ts";
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
} from "./testing/tiny-repository.ts";

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
});
