import { type Block, endNs, gpsToUtc, indexToNs, type StreamingModel } from "@strainflow/series";
import type { RankedTriggersBlock } from "@strainflow/steps";
import fc from "fast-check";
import { Subject } from "rxjs";
import { describe, expect, test } from "vitest";
import { planSearch } from "./plan.ts";
import type { PlanFacts, PlannedModel } from "./plan-stages.ts";
import { rehearseSearch } from "./rehearse.ts";
import { search } from "./search.ts";
import { completeSettings, type SearchSettings } from "./settings.ts";
import { silentModel } from "./silent-model.ts";

const SECOND = 1_000_000_000n;

function detector(over: Partial<StreamingModel["streaming"]> = {}): PlannedModel {
  const streaming = {
    sampleRate: 2048,
    channels: ["H1", "L1"],
    strideSize: 128,
    batchSize: 16,
    updateSize: 1,
    memory: 2047,
    latency: 128,
    ...over,
  };
  const { batchSize, strideSize, channels } = streaming;
  const input = {
    name: "stream",
    datatype: "FP32" as const,
    shape: [1, channels.length, strideSize * batchSize],
  };
  return {
    name: "matched-filter-stream",
    streaming: { ...streaming, input },
    inputs: [input, { name: "inverse_psd", datatype: "FP32", shape: [channels.length, 1025] }],
    outputs: [
      { name: "triggers", datatype: "FP32", shape: [batchSize, channels.length, 4, 3] },
      { name: "quadratures", datatype: "FP32", shape: [batchSize, channels.length, 4, 2] },
    ],
  };
}

function facts(start: number, seconds: number, rate = 4096): PlanFacts {
  return {
    rates: { H1: rate, L1: rate },
    templates: 4,
    startNs: BigInt(start) * SECOND,
    endNs: BigInt(start + seconds) * SECOND,
  };
}

function verdicts(
  model: PlannedModel,
  settings: Partial<SearchSettings> = {},
  given = facts(1_000_000_000, 32),
): Record<string, string> {
  const plan = planSearch(completeSettings(settings), model, given);
  return Object.fromEntries(plan.checks.map(({ name, verdict }) => [name, verdict]));
}

describe("the plan of a search", () => {
  const plan = planSearch(completeSettings({}), detector(), facts(1_000_000_000, 32));

  test("stages come in the order of the search, each with its shapes and rates", () => {
    expect(plan.stages.map(({ name }) => name)).toEqual([
      "read",
      "resample",
      "align",
      "over-whiten",
      "infer",
      "rank",
      "cluster",
    ]);
    const infer = plan.stages.find(({ name }) => name === "infer")!;
    expect(infer.outputs[0]!.shape).toEqual([16, 2, 4, 3]);
    expect(infer.blocksPerSecond).toBe(1);
    expect(infer.outputRate).toBe(16);
  });

  test("the parts of the latency, and of what is held, add up to the whole", () => {
    const sum = (parts: readonly { readonly value: number }[]): number =>
      parts.reduce((total, { value }) => total + value, 0);
    expect(sum(plan.latency.parts)).toBeCloseTo(plan.latency.seconds, 2);
    expect(sum(plan.held.parts)).toBe(plan.held.bytes);
    expect(plan.stages.at(-1)!.latencySoFar).toBeCloseTo(plan.latency.seconds, 2);
  });

  test("fewer strides per request wait less, and ask more often", () => {
    const quick = planSearch(completeSettings({}), detector({ batchSize: 1 }), facts(1_000_000_000, 32));
    expect(plan.latency.seconds - quick.latency.seconds).toBeCloseTo((15 * 128) / 2048, 6);
    expect([plan.requests.perSecond, quick.requests.perSecond]).toEqual([1, 16]);
    expect(plan.requests.total).toBe(32);
    expect(plan.requests.requestBytes).toBe(4 * (2 * 2048 + 2 * 1025));
  });

  test("memory reaches back over filters, PSD and kernel", () => {
    const { psdLength, filterLength } = plan.settings;
    expect(plan.memorySeconds).toBeGreaterThan(psdLength + filterLength + 1);
    expect(plan.memorySeconds).toBeLessThan(psdLength + 2 * filterLength + 5);
  });

  test("all is well with the built-in detector", () => {
    expect(new Set(Object.values(verdicts(detector())))).toEqual(new Set(["ok"]));
  });

  test.each([
    ["detectors", { channels: ["L1", "H1"] }, {}],
    ["rate", { sampleRate: 4096, strideSize: 256 }, {}],
    ["outputs", {}, { templates: 7 }],
  ])("%s that do not fit are an error", (name, streaming, over) => {
    const given = { ...facts(1_000_000_000, 32), ...over };
    expect(verdicts(detector(streaming), {}, given)).toMatchObject({ [name]: "error" });
  });

  test("a stride that does not divide the rate is refused", () => {
    expect(() => verdicts(detector({ strideSize: 100 }))).toThrow(/strideSize is 100/);
  });

  test("updates that straddle PSDs, and data slower than the search, are warned of", () => {
    expect(verdicts(detector({ batchSize: 12 }))["update"]).toBe("warning");
    expect(verdicts(detector(), {}, facts(1_000_000_000, 32, 1024))["band"]).toBe("warning");
  });
});

describe("the rehearsal", () => {
  test("warm-up, searched time and edge add up to the whole", async () => {
    const livetime = await rehearseSearch(completeSettings({}), detector(), facts(1_000_000_000, 32));
    const whole = livetime!.searchedSeconds + livetime!.gapSeconds;
    expect(whole).toBeGreaterThan(30.5);
    expect(whole).toBeLessThanOrEqual(32);
    expect(livetime!.byReason["warm-up"]).toBeGreaterThan(3);
    expect(gpsToUtc(Number(livetime!.startNs / SECOND)).getUTCFullYear()).toBe(2011);
  });

  test("a long stretch's middle is left out without changing the result", async () => {
    const settings = completeSettings({ psdLength: 4, fftLength: 1, filterLength: 1 });
    const model = detector();
    const [short, long, longer] = await Promise.all(
      [29, 60, 61].map((seconds) => rehearseSearch(settings, model, facts(1_000_000_003, seconds))),
    );
    expect(long!.searchedSeconds - short!.searchedSeconds).toBeCloseTo(31, 9);
    expect(longer!.searchedSeconds - long!.searchedSeconds).toBeCloseTo(1, 9);
    expect(long!.byReason).toEqual(short!.byReason);
    expect(long!.segments.at(-1)!.endNs).toBe(long!.endNs);
  });

  test("what a live stream will bring is not known", async () => {
    const { rates, templates } = facts(0, 1);
    expect(await rehearseSearch(completeSettings({}), detector(), { rates, templates })).toBeUndefined();
  });
});

describe("the promised latency", () => {
  test("is never exceeded, however the data come", { timeout: 30_000 }, async () => {
    const cutting = fc.record({
      batchSize: fc.constantFrom(1, 4, 16),
      start: fc.integer({ min: 0, max: 4095 }),
      blockSize: fc.integer({ min: 200, max: 9000 }),
    });
    await fc.assert(
      fc.asyncProperty(cutting, async ({ batchSize, start, blockSize }) => {
        const settings = completeSettings({ ifos: ["H1"], psdLength: 4, fftLength: 1, filterLength: 1 });
        const model = detector({ channels: ["H1"], batchSize });
        const { stages } = planSearch(settings, model, { rates: { H1: 4096 }, templates: 4 });
        const promised = stages.find(({ name }) => name === "rank")!.latencySoFar;
        const blocks = new Subject<Block<"strain">>();
        const origin = 1_000_000_000 * 4096 + start;
        let covered = Number.NEGATIVE_INFINITY;
        const masses = Array.from({ length: 4 }, () => ({ mass1: 1, mass2: 1 }));
        const ranked = (block: RankedTriggersBlock): void => {
          covered = Number(endNs(block) - indexToNs(origin, 4096)) / 1e9;
        };
        const subscription = search(blocks, silentModel(model), masses, settings, { ranked }).subscribe();
        for (let given = 0; given < 8 * 4096; given += blockSize) {
          blocks.next({
            kind: "series",
            quantity: "strain",
            start: origin + given,
            size: blockSize,
            sampleRate: 4096,
            channels: ["H1"],
            data: [Float64Array.from({ length: blockSize }, (_, n) => Math.sin(n * n) * 1e-21)],
          });
          for (let turn = 0; turn < 40; turn++) await new Promise((resolve) => setImmediate(resolve));
          const end = (given + blockSize) / 4096;
          // One output: what has begun may be covered, but is counted only when whole.
          if (end > promised + 1 / 16) expect(covered).toBeGreaterThanOrEqual(end - promised - 1 / 16);
        }
        subscription.unsubscribe();
      }),
      { numRuns: 8 },
    );
  });
});
