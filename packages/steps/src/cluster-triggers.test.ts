import { indexToNs } from "@strainflow/series";
import { describe, expect, it } from "vitest";
import { type Candidate, createClusterTriggers, type RankedTriggersBlock } from "./index.ts";

const START = 1_126_259_462 * 16;

function candidate(statistic: number, h1: number, l1: number, at: number): Candidate {
  const stream = (START + at) * 128;
  return {
    statistic,
    template: 3,
    snr: { H1: h1, L1: l1 },
    peakIndex: { H1: stream + 60, L1: stream + 46 },
    phase: { H1: 0.5, L1: -2 },
    inputSpan: { start: stream - 2048, end: stream + 256 },
  };
}

/** Ranked triggers from `[output, candidate]`, at 16 outputs per second. */
function ranked(
  from: number,
  size: number,
  entries: readonly (readonly [number, Candidate])[],
): RankedTriggersBlock {
  const candidates = Array.from({ length: size }, (_, i) => entries.find(([at]) => at === from + i)?.[1]);
  return {
    kind: "triggers",
    start: START + from,
    size,
    sampleRate: 16,
    streamRate: 2048,
    channels: ["H1", "L1"],
    statistic: Float32Array.from(candidates, (one) => one?.statistic ?? 0),
    candidates,
  };
}

describe("createClusterTriggers", () => {
  const options = { sampleRate: 16, clusterLength: 1, threshold: 6 };

  it("makes one detection of the loudest of a cluster, at the time of its loudest detector", () => {
    const step = createClusterTriggers(options);
    const loudest = candidate(13, 5, 12, 21);
    const found = step.push(
      ranked(0, 30, [
        [18, candidate(8, 6, 5.29, 18)],
        [21, loudest],
        [24, candidate(9, 7, 5.66, 24)],
      ]),
    );
    const stream = (START + 21) * 128;
    expect(found).toEqual([
      {
        kind: "detection",
        gpsNs: indexToNs(stream + 46, 2048),
        statistic: 13,
        snr: { H1: 5, L1: 12 },
        peakNs: { H1: indexToNs(stream + 60, 2048), L1: indexToNs(stream + 46, 2048) },
        phase: { H1: 0.5, L1: -2 },
        template: 3,
        inputSpan: { startNs: indexToNs(stream - 2048, 2048), endNs: indexToNs(stream + 256, 2048) },
      },
    ]);
    expect(step.flush()).toEqual([]);
  });

  it("makes none of outputs without a candidate or below the threshold", () => {
    const step = createClusterTriggers(options);
    const found = [...step.push(ranked(0, 40, [[20, candidate(5.9, 4.2, 4.15, 20)]])), ...step.flush()];
    expect(found).toEqual([]);
    const open = createClusterTriggers({ ...options, threshold: 0 });
    expect([...open.push(ranked(0, 40, [[20, candidate(5.9, 4.2, 4.15, 20)]])), ...open.flush()].length).toBe(
      1,
    );
  });

  it("closes a cluster at a gap, with what there is", () => {
    const step = createClusterTriggers(options);
    expect(step.push(ranked(0, 20, [[19, candidate(9, 7, 5.66, 19)]]))).toEqual([]);
    const gap: RankedTriggersBlock = {
      kind: "gap",
      quantity: "triggers",
      start: START + 20,
      size: 1,
      sampleRate: 16,
      channels: ["H1", "L1"],
      reason: "not-ready",
    };
    expect(step.push(gap).map((detection) => detection.statistic)).toEqual([9]);
    // Right after the gap is another series, and another cluster.
    expect(step.push(ranked(21, 30, [[21, candidate(8, 6, 5.29, 21)]])).map((d) => d.statistic)).toEqual([8]);
  });

  it("names the option that cannot be used", () => {
    expect(() => createClusterTriggers({ ...options, clusterLength: 0.1 })).toThrow(/clusterLength is 0.1/);
    expect(() => createClusterTriggers({ ...options, threshold: -1 })).toThrow(/threshold is -1/);
  });
});
