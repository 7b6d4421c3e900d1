import type { Block, InferCall, InferListener, InferRequest, StreamingModel } from "@strainflow/series";
import { firstValueFrom, from, toArray } from "rxjs";
import { describe, expect, it } from "vitest";
import { type AframeSettings, aframeSearch } from "./aframe.ts";

const SECOND = 1_000_000_000n;
const START = 1_000_000_003;

/** A model at 16 Hz, a stride every quarter of a second, that answers each stride with the largest sample of its first row. */
function loudest(latency: number, received: InferRequest[] = []): StreamingModel {
  const [strideSize, batchSize] = [4, 8];
  const size = strideSize * batchSize;
  const input = { name: "stream", datatype: "FP32", shape: [2, 2, size] } as const;
  return {
    name: "loudest",
    version: "1",
    inputs: [input],
    outputs: [{ name: "discriminator", datatype: "FP32", shape: [batchSize, 1] }],
    streaming: {
      input,
      sampleRate: 16,
      channels: ["H1", "L1"],
      strideSize,
      batchSize,
      updateSize: 1,
      memory: 64,
      latency,
    },
    open(listener: InferListener): InferCall {
      return {
        send(request: InferRequest) {
          received.push(request);
          const { id, inputs } = request;
          const samples = inputs["stream"]!.data;
          if (!(samples instanceof Float32Array)) throw new TypeError("FP32 was expected");
          const data = Float32Array.from({ length: batchSize }, (_, b) =>
            Math.max(...samples.subarray(b * strideSize, (b + 1) * strideSize)),
          );
          const outputs = { discriminator: { datatype: "FP32", shape: [batchSize, 1], data } } as const;
          setImmediate(() => listener.response({ id, outputs }));
          return true;
        },
        end: () => void setImmediate(() => listener.closed?.()),
        cancel() {},
      };
    },
  };
}

/** Twenty seconds of two detectors, zero but for one sample each at the given seconds. */
function strain(
  seconds: readonly number[],
  parts: readonly (readonly string[])[] = [["H1", "L1"]],
): Block<"strain">[] {
  const data = new Float64Array(20 * 16);
  for (const second of seconds) data[second * 16] = second;
  return parts.map((channels) => ({
    kind: "series",
    quantity: "strain",
    start: START * 16,
    size: data.length,
    sampleRate: 16,
    channels,
    data: channels.map(() => data),
  }));
}

/** Seconds after the segment's start, and statistics. */
async function found(
  blocks: readonly Block<"strain">[],
  latency: number,
  settings: AframeSettings,
): Promise<(readonly [number, number])[]> {
  const rules = { psdLength: 4, clusterLength: 4, threshold: 1, ...settings };
  const events = await firstValueFrom(aframeSearch(from(blocks), loudest(latency), rules).pipe(toArray()));
  return events.map(({ gpsNs, statistic }) => [Number(gpsNs - BigInt(START) * SECOND) / 1e9, statistic]);
}

describe("aframeSearch", () => {
  it("stamps the beginning of the peak's stride, less half the filter and the integration", async () => {
    const peaks = strain([6, 14]);
    expect(await found(peaks, 8, { integrationLength: 0 })).toEqual([
      [5.5, 6],
      [13.5, 14],
    ]);
    // The boxcar holds the peak for five outputs, all alike: the first of them is the event.
    expect(await found(peaks, 8, {})).toEqual([
      [4.5, 6 / 5],
      [12.5, 14 / 5],
    ]);
    // Half a stride of delay is a whole one in the model's latency, and still half of one in the stamp.
    expect(await found(peaks, 4, { integrationLength: 0, fduration: 0.25 })).toEqual([
      [5.875, 6],
      [13.875, 14],
    ]);
  });

  it("drops the beginning that the PSD is measured on, counted from the segment's first sample", async () => {
    const peaks = strain([4, 12]);
    const times = async (psdLength: number): Promise<number[]> =>
      (await found(peaks, 8, { integrationLength: 0, psdLength })).map(([time]) => time);
    expect(await times(4)).toEqual([3.5, 11.5]);
    expect(await times(4.25)).toEqual([11.5]);
  });

  it("cuts requests from the segment's first sample on, since each measures a PSD of its own", async () => {
    const received: InferRequest[] = [];
    const [segment] = strain([]);
    const marked = {
      ...segment!,
      data: [Float64Array.from({ length: 320 }, (_, i) => i), new Float64Array(320)],
    };
    await firstValueFrom(
      aframeSearch(from([marked]), loudest(8, received), { psdLength: 4 }).pipe(toArray()),
    );
    // The last one only ends the sequence.
    const firsts = received.slice(0, -1).map(({ inputs }) => inputs["stream"]!.data[0]);
    expect(firsts).toEqual(Array.from({ length: 10 }, (_, request) => 32 * request));
  });

  it("takes the detectors together or apart, and says which input was in reach", async () => {
    const apart = strain([10], [["L1"], ["H1"]]);
    expect(await found(apart, 8, {})).toEqual(await found(strain([10]), 8, {}));
    const [event] = await firstValueFrom(
      aframeSearch(from(apart), loudest(8), { psdLength: 4, threshold: 1 }).pipe(toArray()),
    );
    const second = (ns: bigint): number => Number(ns - BigInt(START) * SECOND) / 1e9;
    expect(event).toBeDefined();
    expect(second(event!.inputSpan.endNs)).toBe(10.25);
    // The model's 4 s before the oldest of five strides.
    expect(second(event!.inputSpan.startNs)).toBe(10 - 1 - 4);
  });

  it("names the option that cannot be used", () => {
    expect(() => aframeSearch(from([]), loudest(8), { fduration: -1 })).toThrow(/fduration is -1/);
    expect(() => aframeSearch(from([]), loudest(8), { psdLength: Number.NaN })).toThrow(/burnIn is NaN/);
  });
});
