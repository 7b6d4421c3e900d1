import type { Block } from "@strainflow/series";
import { describe, expect, it } from "vitest";
import { createSlidingWindow, type WindowBlock } from "./index.ts";

const series = (start: number, size: number): Block => ({
  kind: "series",
  quantity: "strain",
  start,
  size,
  sampleRate: 16,
  channels: ["H1"],
  data: [Float64Array.from({ length: size }, (_, i) => start + i)],
});

const say = (blocks: readonly WindowBlock[]): string[] =>
  blocks.map((block) =>
    block.kind === "gap"
      ? `${block.start}+${block.size} ${block.reason}`
      : `${block.start}+${block.size} [${block.series.start}: ${block.series.data[0]?.join(" ")}]`,
  );

describe("createSlidingWindow", () => {
  const make = () => createSlidingWindow({ sampleRate: 16, channels: ["H1"], windowSize: 5, strideSize: 3 });

  it("ends windows at absolute multiples of the stride, wherever the stream began", () => {
    expect(say(make().push(series(8, 8)))).toEqual(["8+4 warm-up", "12+3 [10: 10 11 12 13 14]"]);
    expect(say(make().push(series(10, 6)))).toEqual(["10+2 warm-up", "12+3 [10: 10 11 12 13 14]"]);
  });

  it("gives no window that touches a gap, and counts every sample beside it once", () => {
    const step = make();
    const gap: Block = {
      kind: "gap",
      quantity: "strain",
      start: 16,
      size: 1,
      sampleRate: 16,
      channels: ["H1"],
      reason: "lost",
    };
    expect(say(step.push(series(10, 6)))).toEqual(["10+2 warm-up", "12+3 [10: 10 11 12 13 14]"]);
    expect(say(step.push(gap))).toEqual(["15+1 spoiled", "16+1 lost"]);
    expect(say(step.push(series(17, 9)))).toEqual(["17+4 spoiled", "21+3 [19: 19 20 21 22 23]"]);
    expect(say(step.flush())).toEqual(["24+2 edge"]);
  });

  it("keeps float32 as it is, and hands the newest block's side tensors on", () => {
    const side = { psd: { datatype: "FP32", shape: [1], data: Float32Array.of(3) } } as const;
    const block: Block = {
      kind: "series",
      quantity: "whitened",
      start: 0,
      size: 6,
      sampleRate: 16,
      channels: ["H1"],
      data: [Float32Array.of(1, 2, 3, 4, 5, 6)],
      side,
    };
    const window = make()
      .push(block)
      .find((one) => one.kind === "window");
    expect(window?.series.data).toEqual([Float32Array.of(2, 3, 4, 5, 6)]);
    expect(window?.series.side).toBe(side);
  });

  it("does not round when a stream of float32 goes on in float64", () => {
    const step = createSlidingWindow({ sampleRate: 16, channels: ["H1"], windowSize: 2, strideSize: 2 });
    step.push({ ...series(0, 1), kind: "series", data: [Float32Array.of(1)] });
    const [window] = step.push({ ...series(1, 1), kind: "series", data: [Float64Array.of(0.1)] });
    expect(window?.kind === "window" && window.series.data[0]?.[1]).toBe(0.1);
  });

  it("names the option, or the block, that cannot be used", () => {
    const good = { sampleRate: 16, channels: ["H1"], windowSize: 5, strideSize: 3 };
    expect(() => createSlidingWindow({ ...good, strideSize: 6 })).toThrow(/strideSize is 6/);
    expect(() => createSlidingWindow({ ...good, windowSize: 0 })).toThrow(/windowSize is 0/);
    const step = createSlidingWindow(good);
    step.push(series(0, 4));
    expect(() => step.push(series(5, 4))).toThrow(/begins at sample 5 where 4 was due/);
    expect(() => step.push({ ...series(4, 4), channels: ["H1", "L1"] })).toThrow(
      /made for 1 channels at 16 Hz/,
    );
    expect(() => step.restore({ step: "cluster" })).toThrow(/saved by cluster/);
  });
});
