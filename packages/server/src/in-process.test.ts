import type { InferListener, InferResponse } from "@strainflow/series";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
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

  function collect(): InferListener & { readonly responses: InferResponse[]; readonly end: Promise<void> } {
    const responses: InferResponse[] = [];
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
