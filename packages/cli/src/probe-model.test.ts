import type { InferListener, InferRequest, StreamingModel } from "@strainflow/series";
import { describe, expect, test } from "vitest";
import { probeModel } from "./probe-model.ts";

function modelOf(answer: (request: InferRequest, listener: InferListener) => void): {
  readonly model: StreamingModel;
  readonly requests: InferRequest[];
  readonly most: () => number;
} {
  const requests: InferRequest[] = [];
  let underWay = 0;
  let most = 0;
  const input = { name: "stream", datatype: "FP32" as const, shape: [1, 2, 64] };
  const model: StreamingModel = {
    name: "quick",
    version: "1",
    inputs: [input, { name: "inverse_psd", datatype: "FP32", shape: [2, -1] }],
    outputs: [],
    streaming: {
      input,
      sampleRate: 64,
      channels: ["H1", "L1"],
      strideSize: 16,
      batchSize: 4,
      updateSize: 1,
      memory: 0,
      latency: 0,
    },
    open: (listener) => ({
      send(request) {
        requests.push(request);
        most = Math.max(most, ++underWay);
        setImmediate(() => {
          underWay--;
          answer(request, listener);
        });
        return true;
      },
      end: () => undefined,
      cancel: () => undefined,
    }),
  };
  return { model, requests, most: () => most };
}

describe("measuring a model", () => {
  test("is one whole sequence, with no more under way than asked", async () => {
    const { model, requests, most } = modelOf(({ id }, listener) => listener.response({ id, outputs: {} }));
    const speed = await probeModel(model, { maxInFlight: 3, requests: 10 });
    expect(speed.requests).toBe(10);
    expect(speed.timesRealTime).toBeCloseTo(1000 / speed.requestMs, 6);
    expect(requests.map(({ sequence }) => [sequence!.start, sequence!.end])).toEqual(
      Array.from({ length: 13 }, (_, n) => [n === 0, n === 12]),
    );
    expect(new Set(requests.map(({ sequence }) => sequence!.id)).size).toBe(1);
    expect(most()).toBe(3);
    expect(requests[0]!.inputs["inverse_psd"]!.shape).toEqual([2, 1]);
  });

  test("a refusal or a lost stream is its failure", async () => {
    const refusing = modelOf(({ id }, listener) =>
      listener.response({ id, outputs: {}, error: new Error("no slot") }),
    );
    await expect(probeModel(refusing.model, { maxInFlight: 2 })).rejects.toThrow("no slot");
    const losing = modelOf((_, listener) => listener.lost(new Error("reset")));
    await expect(probeModel(losing.model, { maxInFlight: 2 })).rejects.toThrow("reset");
  });
});
