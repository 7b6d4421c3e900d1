import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { InProcessListener, InProcessResponse } from "./in-process.ts";
import { createServer, type InferenceServer } from "./server.ts";
import { float32, floats, RawClient, sequence } from "./testing/raw-client.ts";
import {
  accumulator,
  CHANNELS,
  ensemble,
  network,
  snapshotter,
  type TinyRepository,
  tinyRepository,
  UPDATE,
} from "./testing/tiny-repository.ts";

describe("a model of this process", () => {
  let repository: TinyRepository;
  let server: InferenceServer;

  beforeAll(async () => {
    repository = await tinyRepository([
      snapshotter("snap", "", 10_000, 3),
      network("network"),
      accumulator("sums"),
      {
        name: "repeat",
        config: `backend: "strainflow"
model_transaction_policy { decoupled: true }
input [ { name: "IN" data_type: TYPE_INT32 dims: [-1] }, { name: "DELAY" data_type: TYPE_UINT32 dims: [-1] }, { name: "WAIT" data_type: TYPE_UINT32 dims: [1] } ]
output [ { name: "OUT" data_type: TYPE_INT32 dims: [1] }, { name: "IDX" data_type: TYPE_UINT32 dims: [1] } ]
parameters { key: "strainflow.native" value: { string_value: "repeat" } }`,
        versions: { "1": new Uint8Array(0) },
      },
      {
        ...ensemble("ens", "snap", "network", "sums"),
        config: `${ensemble("ens", "snap", "network", "sums").config}
parameters { key: "strainflow.sample_rate" value: { string_value: "2048" } }`,
      },
    ]);
    server = await createServer({ repository: repository.path, workers: 2, httpPort: false });
  });
  afterAll(async () => {
    await server.close();
    await repository.remove();
  });

  const shape = [1, CHANNELS, UPDATE];
  const update = (i: number) =>
    Float32Array.from({ length: CHANNELS * UPDATE }, (_, at) => Math.sin(i * 17 + at));

  function collect(): InProcessListener & {
    readonly responses: InProcessResponse[];
    readonly end: Promise<void>;
  } {
    const responses: InProcessResponse[] = [];
    let closed = (): void => {};
    let lost = (_: Error): void => {};
    const end = new Promise<void>((resolve, reject) => {
      closed = resolve;
      lost = reject;
    });
    return { responses, end, response: (response) => void responses.push(response), closed, lost };
  }

  it("says what it takes and gives", () => {
    const model = server.inProcess("ens");
    expect(model).toMatchObject({
      name: "ens",
      version: "1",
      parameters: { "strainflow.sample_rate": "2048" },
    });
    expect(model.inputs).toEqual([{ name: "stream", datatype: "FP32", shape }]);
    expect(() => server.inProcess("nope")).toThrow("Request for unknown model: 'nope' is not found");
  });

  it("gives the same bytes as gRPC, in order", async () => {
    const listener = collect();
    const call = server.inProcess("ens").open(listener);
    for (let i = 0; i < 40; i++)
      call.send({
        id: `r${i}`,
        inputs: { stream: { datatype: "FP32", shape, data: update(i) } },
        sequence: { id: 5n, start: i === 0, end: i === 39 },
      });
    expect(listener.responses).toEqual([]);
    call.end();
    await listener.end;
    expect(listener.responses.map(({ id }) => id)).toEqual(Array.from({ length: 40 }, (_, i) => `r${i}`));

    const client = new RawClient(server.grpcAddress);
    for (let i = 0; i < 40; i++) {
      const response = await client.infer({
        modelName: "ens",
        parameters: sequence(6n, { start: i === 0, end: i === 39 }),
        inputs: [{ name: "stream", datatype: "FP32", shape: shape.map(BigInt) }],
        rawInputContents: [float32(update(i))],
      });
      const own = listener.responses[i]?.outputs ?? {};
      expect(own.score?.data).toEqual(Float32Array.from(floats(response, 0)));
      expect(own.total?.data).toEqual(Float32Array.from(floats(response, 1)));
    }
    client.close();
  });

  it("asks to wait when much is under way, and says when to go on", async () => {
    const listener = collect();
    let waits = 0;
    let drain = (): void => {};
    const drained = new Promise<void>((resolve) => {
      drain = resolve;
    });
    const call = server.inProcess("network").open({ ...listener, drain: () => drain() });
    for (let i = 0; i < 100; i++)
      if (
        !call.send({
          id: `${i}`,
          inputs: { x: { datatype: "FP32", shape: [2, 2, 16], data: new Float32Array(64) } },
        })
      )
        waits++;
    expect(waits).toBeGreaterThan(0);
    // Before its end: a call that was ended may be told that all is answered, and nothing of more room.
    await drained;
    call.end();
    await listener.end;
    expect(listener.responses).toHaveLength(100);
  });

  it("answers a wrong request with an error, and goes on", async () => {
    const listener = collect();
    const call = server.inProcess("network").open(listener);
    call.send({ id: "wrong", inputs: {} });
    call.send({
      id: "right",
      inputs: { x: { datatype: "FP32", shape: [2, 2, 16], data: new Float32Array(64) } },
    });
    call.end();
    await listener.end;
    expect(listener.responses[0]?.error?.message).toContain("missing required input(s) ['x']");
    expect(listener.responses[1]).toMatchObject({ id: "right", outputs: { score: { shape: [2, 1] } } });
  });

  it("gives all responses of a decoupled model, and its end, and lets nobody wait for them", async () => {
    const listener = collect();
    const ask = (id: string, values: readonly number[], delayMs: number) => ({
      id,
      inputs: {
        IN: { datatype: "INT32" as const, shape: [values.length], data: Int32Array.from(values) },
        DELAY: {
          datatype: "UINT32" as const,
          shape: [values.length],
          data: new Uint32Array(values.length).fill(delayMs),
        },
        WAIT: { datatype: "UINT32" as const, shape: [1], data: new Uint32Array(1) },
      },
    });
    const call = server.inProcess("repeat").open(listener);
    call.send(ask("slow", [1, 2, 3], 50));
    call.send(ask("none", [], 0));
    call.send(ask("quick", [7, 8], 0));
    call.send({ id: "wrong", inputs: {} });
    call.end();
    await listener.end;
    const of = (wanted: string) =>
      listener.responses
        .filter(({ id }) => id === wanted)
        .map(({ outputs, final }) => [...(outputs.OUT?.data ?? []), final]);
    expect(of("slow")).toEqual([[1, false], [2, false], [3, false], [true]]);
    expect(of("none")).toEqual([[true]]);
    expect(of("quick")).toEqual([[7, false], [8, false], [true]]);
    expect(of("wrong")).toEqual([[true]]);
    expect(listener.responses.findIndex(({ id }) => id === "quick")).toBeLessThan(
      listener.responses.findIndex(({ id, final }) => id === "slow" && final),
    );
    expect(listener.responses.find(({ id }) => id === "wrong")?.error?.message).toContain("missing required");
  });

  it("is silent after it was given up", async () => {
    const listener = collect();
    const call = server.inProcess("snap").open(listener);
    const request = {
      id: "x",
      inputs: { snapshot_update: { datatype: "FP32" as const, shape, data: update(0) } },
    };
    call.send({ ...request, sequence: { id: 77n, start: true, end: true } });
    call.cancel();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(listener.responses).toEqual([]);
    expect(() => call.send(request)).toThrow(/takes no more requests/);
  });
});
