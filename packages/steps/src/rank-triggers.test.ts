import type { Inference, InferenceBlock } from "@strainflow/series";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Candidate,
  createRankTriggers,
  type RankedTriggersBlock,
  type RankTriggersOptions,
  rankedToSeries,
  triggersToSeries,
} from "./index.ts";

/** 10 Hz of strides of 100 samples; H1 and L1 may be 10 + 2 samples apart. */
const options: RankTriggersOptions = {
  channels: ["H1", "L1"],
  sampleRate: 1000,
  strideSize: 100,
  templates: 2,
  lightTravelTime: { "H1-L1": 0.01, "H1-V1": 0.027, "L1-V1": 0.026 },
};

/** `[stride, detector, template, snr, offset]` for what is loud; the rest is quiet. */
type Loud = readonly [number, number, number, number, number];

function inference(
  size: number,
  loud: readonly Loud[],
  channels = options.channels,
  templates = 2,
): Inference {
  const data = new Float32Array(size * channels.length * templates * 3).fill(1);
  for (const [stride, detector, template, snr, offset] of loud)
    data.set(
      [snr, offset, stride + detector / 10],
      ((stride * channels.length + detector) * templates + template) * 3,
    );
  const shape = [size, channels.length, templates, 3];
  return {
    kind: "inference",
    start: 0,
    size,
    sampleRate: 10,
    channels,
    outputs: { triggers: { datatype: "FP32", shape, data } },
  };
}

function rankAll(
  blocks: readonly InferenceBlock[],
  changes: Partial<RankTriggersOptions> = {},
): RankedTriggersBlock[] {
  const step = createRankTriggers({ ...options, ...changes });
  return [...blocks.flatMap((block) => step.push(block)), ...step.flush()];
}

function candidates(blocks: readonly RankedTriggersBlock[]): [number, Candidate][] {
  return blocks.flatMap((block) =>
    block.kind === "gap"
      ? []
      : block.candidates.flatMap((candidate, i): [number, Candidate][] =>
          candidate === undefined ? [] : [[block.start + i, candidate]],
        ),
  );
}

const say = (blocks: readonly RankedTriggersBlock[]): string[] =>
  blocks.map((block) =>
    block.kind === "gap"
      ? `${block.start}+${block.size} ${block.reason}`
      : `${block.start}: ${[...block.statistic].join(" ")}`,
  );

describe("createRankTriggers", () => {
  it("adds in quadrature what two detectors saw of one template at one time", () => {
    const [[stride, candidate] = []] = candidates(
      rankAll(
        [
          inference(4, [
            [2, 0, 1, 8, 50],
            [2, 1, 1, 6, 43],
            [2, 0, 0, 9, 50],
          ]),
        ],
        { memory: 300, latency: 100 },
      ),
    );
    expect(stride).toBe(2);
    expect(candidate).toEqual({
      statistic: 10,
      template: 1,
      snr: { H1: 8, L1: 6 },
      peakIndex: { H1: 250, L1: 243 },
      phase: { H1: 2, L1: Math.fround(2.1) },
      inputSpan: { start: 0, end: 400 },
    });
  });

  it("takes no part of a loud glitch in one detector, however loud", () => {
    const glitch: Loud = [2, 0, 0, 80, 50];
    expect(candidates(rankAll([inference(4, [glitch])]))).toEqual([]);
    // Noise below the threshold, another template, or too far away does not make it a candidate.
    expect(candidates(rankAll([inference(4, [glitch, [2, 1, 0, 3.9, 50]])]))).toEqual([]);
    expect(candidates(rankAll([inference(4, [glitch, [2, 1, 1, 6, 50]])]))).toEqual([]);
    expect(candidates(rankAll([inference(4, [glitch, [2, 1, 0, 6, 63]])]))).toEqual([]);
    expect(candidates(rankAll([inference(4, [glitch, [2, 1, 0, 6, 62]])])).length).toBe(1);
    expect(
      candidates(rankAll([inference(4, [glitch, [2, 1, 0, 3.9, 50]])], { detectionThreshold: { L1: 3 } }))
        .length,
    ).toBe(1);
  });

  it("is one detector's SNR where there is one detector only", () => {
    const found = rankAll([inference(3, [[0, 0, 1, 7, 3]], ["H1"])], {
      channels: ["H1"],
      lightTravelTime: {},
    });
    expect(say(found)).toEqual(["0: 7 0 0"]);
  });

  for (const [name, early, late] of [
    ["the louder one first", [1, 0, 0, 8, 97], [2, 1, 0, 6, 5]],
    ["the louder one last", [1, 0, 0, 6, 97], [2, 1, 0, 8, 5]],
  ] as const)
    it(`finds peaks on the two sides of a stride's border, once, ${name}`, () => {
      const found = candidates(rankAll([inference(4, [early, late])]));
      expect(found.map(([stride, candidate]) => [stride, candidate.statistic])).toEqual([
        [early[3] === 8 ? 1 : 2, 10],
      ]);
      expect(found[0]?.[1].peakIndex).toEqual({ H1: 197, L1: 205 });
      expect(found[0]?.[1].inputSpan).toEqual({ start: 100, end: 300 });
    });

  it("wants every two of three detectors near each other, and takes the loudest such set", () => {
    const channels = ["H1", "L1", "V1"];
    // L1 and V1 are both near H1, but 37 samples from each other.
    const apart = inference(
      3,
      [
        [1, 0, 0, 9, 50],
        [1, 1, 0, 5, 40],
        [1, 2, 0, 6, 77],
      ],
      channels,
    );
    expect(candidates(rankAll([apart], { channels }))[0]?.[1].snr).toEqual({ H1: 9, V1: 6 });
    const near = inference(
      3,
      [
        [1, 0, 0, 9, 50],
        [1, 1, 0, 5, 52],
        [1, 2, 0, 6, 77],
      ],
      channels,
    );
    expect(candidates(rankAll([near], { channels }))[0]?.[1].snr).toEqual({ H1: 9, L1: 5, V1: 6 });
    expect(candidates(rankAll([apart], { channels, minDetectors: 3 }))).toEqual([]);
  });

  it("has no value beside a gap, where a neighbouring stride is not known", () => {
    const pair: Loud[] = [
      [1, 0, 0, 6, 50],
      [1, 1, 0, 8, 50],
    ];
    const gap: InferenceBlock = {
      kind: "gap",
      quantity: "inference",
      start: 3,
      size: 2,
      sampleRate: 10,
      channels: ["H1", "L1"],
      reason: "not-ready",
    };
    expect(say(rankAll([inference(3, pair), gap, { ...inference(3, pair), start: 5 }]))).toEqual([
      "0+1 warm-up",
      "1: 10",
      "2+1 spoiled",
      "3+2 not-ready",
      "5+1 spoiled",
      "6: 10",
      "7+1 edge",
    ]);
  });

  it("agrees with trying every set of peaks", () => {
    const sizes = { strides: 6, templates: 3, channels: ["H1", "L1", "V1"] };
    const snr = fc.constantFrom(1, 3, 4, 4.5, 5, 6, 7);
    const entry = fc.tuple(snr, fc.integer({ min: 0, max: 19 }), fc.constant(0));
    const count = sizes.strides * sizes.templates * sizes.channels.length;
    // Strides of 20 samples, so that the widest window, 29 samples, reaches two strides away.
    const changes = { channels: sizes.channels, strideSize: 20, templates: 3, sampleRate: 1000 };
    const windows = [
      [0, 12, 29],
      [12, 0, 28],
      [29, 28, 0],
    ];
    fc.assert(
      fc.property(fc.array(entry, { minLength: count, maxLength: count }), (entries) => {
        const peaks = entries.map(([rho, offset], at) => {
          const template = at % 3;
          const detector = Math.floor(at / 3) % 3;
          const stride = Math.floor(at / 9);
          return { template, detector, stride, rho, index: stride * 20 + offset };
        });
        const live = peaks.filter((peak) => peak.rho >= 4);
        const best = new Map<number, number>();
        const near = (a: (typeof live)[number], b: (typeof live)[number]): boolean =>
          a.template === b.template && Math.abs(a.index - b.index) <= windows[a.detector]![b.detector]!;
        const note = (set: typeof live): void => {
          const anchor = set.reduce((a, b) =>
            b.rho > a.rho || (b.rho === a.rho && b.detector < a.detector) ? b : a,
          );
          const total = Math.sqrt(set.reduce((sum, peak) => sum + peak.rho ** 2, 0));
          best.set(anchor.stride, Math.max(best.get(anchor.stride) ?? 0, total));
        };
        for (const a of live)
          for (const b of live) {
            if (b.detector <= a.detector || !near(a, b)) continue;
            note([a, b]);
            for (const c of live) if (c.detector > b.detector && near(a, c) && near(b, c)) note([a, b, c]);
          }
        const data = Float32Array.from(entries.flat());
        const block = inference(sizes.strides, [], sizes.channels, 3);
        const outputs = { triggers: { datatype: "FP32" as const, shape: [6, 3, 3, 3], data } };
        const found = rankAll([{ ...block, sampleRate: 50, outputs }], changes);
        expect(say(found).filter((line) => line.includes("+"))).toEqual(["0+2 warm-up", "4+2 edge"]);
        const values = found.flatMap((one) => (one.kind === "gap" ? [] : [...one.statistic]));
        expect(values).toEqual([2, 3].map((stride) => Math.fround(best.get(stride) ?? 0)));
      }),
      { numRuns: 150 },
    );
  });

  it("says what it cannot take", () => {
    expect(() => createRankTriggers({ ...options, strideSize: 300 })).toThrow(/strideSize is 300/);
    expect(() => createRankTriggers({ ...options, templates: 0 })).toThrow(/templates is 0/);
    expect(() => createRankTriggers({ ...options, minDetectors: 3 })).toThrow(/minDetectors is 3/);
    expect(() => createRankTriggers({ ...options, lightTravelTime: {} })).toThrow(
      /lightTravelTime\["H1-L1"\]/,
    );
    expect(() => createRankTriggers({ ...options, detectionThreshold: -1 })).toThrow(
      /detectionThreshold \(H1\) is -1/,
    );
    expect(() => rankAll([inference(2, [], ["H1", "L1"], 3)])).toThrow(/output triggers must be/);
  });
});

describe("triggersToSeries", () => {
  it("gives each detector's loudest template, and the network's statistic", () => {
    const block = inference(3, [
      [1, 0, 0, 6, 50],
      [1, 1, 0, 8, 50],
      [1, 1, 1, 9, 0],
    ]);
    const series = triggersToSeries(block, 2);
    expect(series.kind === "series" && series.data).toEqual([
      Float32Array.of(1, 6, 1),
      Float32Array.of(1, 9, 1),
    ]);
    const network = rankAll([block]).map(rankedToSeries);
    expect(
      network.map((one) => [
        one.start,
        one.channels[0],
        one.kind === "series" ? one.data[0]?.[0] : one.reason,
      ]),
    ).toEqual([
      [0, "network", "warm-up"],
      [1, "network", 10],
      [2, "network", "edge"],
    ]);
  });
});
