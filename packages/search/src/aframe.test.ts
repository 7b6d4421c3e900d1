import type { Block, InferCall, InferListener, InferRequest, StreamingModel } from "@strainflow/series";
import { firstValueFrom, from, toArray } from "rxjs";
import { describe, expect, it } from "vitest";
import { type AframeEvent, type AframeSettings, aframeSearch } from "./aframe.ts";

const SECOND = 1_000_000_000n;
const START = 1_000_000_003;

/** A model at 16 Hz, a stride every quarter of a second, that answers each stride with the largest sample of its first row. */
function loudest(latency: number): StreamingModel {
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
        send({ id, inputs }: InferRequest) {
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

const events = (
  blocks: readonly Block<"strain">[],
  latency: number,
  settings: AframeSettings,
): Promise<AframeEvent[]> => firstValueFrom(from(blocks).pipe(aframeSearch, (found) => found));

void events;
void describe;
void expect;
void it;
void SECOND;
void toArray;
void loudest;
