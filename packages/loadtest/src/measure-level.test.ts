import { describe, expect, it } from "vitest";
import { generatorOf } from "./generator.ts";
import type { LevelResult } from "./level-result.ts";
import type { Load } from "./load.ts";
import { measureLevel } from "./measure-level.ts";
import type { Target } from "./target.ts";
import { delay, fakeTarget } from "./testing/fake-target.ts";

interface Run {
  readonly windows?: number;
  readonly windowMs?: number;
  readonly maxInFlight?: number;
  readonly drainMs?: number;
  readonly signal?: AbortSignal;
}

async function measured(target: Target, load: Load, run: Run = {}): Promise<LevelResult | undefined> {
  const generator = generatorOf(target, { target: { kind: "sizes", sizes: [3] }, index: 0, of: 1, seed: 1 });
  const { windows = 3, windowMs = 150, maxInFlight = 1000, drainMs = 2000, signal } = run;
  try {
    return await measureLevel(
      { generators: [generator], counters: async () => undefined, modelName: "", batchSize: 1 },
      {
        load,
        rules: {
          warmupMs: 0,
          windowMs,
          windowRequests: 1,
          maxWindows: windows,
          stability: 0.1,
          stablePercentile: undefined,
          drainMs,
        },
        job: { seed: 1, maxInFlight, sequences: 1 },
        goalPercentile: 99,
        signal,
        onProgress: () => undefined,
      },
    );
  } finally {
    await generator.close();
  }
}

describe("one load", () => {
  it("keeps as many requests under way as it says, and sends all data in turn", async () => {
    let underWay = 0;
    let most = 0;
    const target = fakeTarget(async () => {
      underWay++;
      most = Math.max(most, underWay);
      await delay(5);
      underWay--;
    });
    const level = await measured(target, { kind: "concurrency", concurrency: 4 });
    expect(most).toBe(4);
    expect(underWay).toBe(0);
    expect(target.shots.slice(0, 6).map(({ step }) => step)).toEqual([0, 1, 2, 0, 1, 2]);
    expect(level?.requests).toBeGreaterThan(4);
    expect(level?.latency?.minMs).toBeGreaterThan(3);
    expect(level?.failed).toBe(0);
    expect(level?.generator.held).toBe(0);
    expect(level?.goalMs).toBe(level?.latency?.p99Ms);
  });

  it("sends no more than its rate asks for, and none of it is lost", async () => {
    const target = fakeTarget(() => delay(1));
    const level = await measured(target, { kind: "rate", rate: 200 }, { windowMs: 200 });
    const asked = 200 * (level?.seconds ?? 0);
    expect(Math.abs((level?.requests ?? 0) - asked)).toBeLessThanOrEqual(2);
  });

  it("charges a stall to all who waited for it, not to one request alone", async () => {
    const begin = performance.now();
    const stallEnds = begin + 450;
    // From 150 ms to 450 ms after the start, nothing is answered; one request at a time gets through.
    const target = fakeTarget(async () => {
      const now = performance.now();
      await delay(now > begin + 150 && now < stallEnds ? stallEnds - now : 1);
    });
    const load = { kind: "rate", rate: 200 } as const;
    const level = await measured(target, load, { windowMs: 200, windows: 3, maxInFlight: 1 });
    const { latency, afterSending, generator } = level!;
    // About 60 requests were due in the stall; of those, half waited for more than 150 ms.
    expect(generator.held).toBeGreaterThan(30);
    expect(latency!.p90Ms).toBeGreaterThan(100);
    // One who counts from sending sees one slow request.
    expect(afterSending!.p50Ms).toBeLessThan(latency!.p90Ms / 4);
    expect(afterSending!.maxMs).toBeGreaterThan(200);
    // It was the server's fault: none of it is counted as the generator's own.
    expect(generator.held + (generator.lag?.count ?? 0)).toBe(level!.requests - level!.unanswered);
  });

  it("counts what was never answered, with as long as it had waited", async () => {
    const target = fakeTarget((_, sent) => (sent < 5 ? delay(1) : new Promise(() => undefined)));
    const level = await measured(target, { kind: "rate", rate: 100 }, { drainMs: 100, windowMs: 100 });
    expect(level?.unanswered).toBeGreaterThan(10);
    expect(level?.latency?.p50Ms).toBeGreaterThan(100);
  });

  it("says when its own process is too slow", async () => {
    const target = fakeTarget(async () => {
      const end = performance.now() + 20;
      while (performance.now() < end);
    });
    // Long enough for a few to be sent where others want the processor too.
    const run = { windows: 1, windowMs: 1000, drainMs: 500 };
    const level = await measured(target, { kind: "rate", rate: 100 }, run);
    expect(level?.generator.bottleneck).toMatch(
      /event loop was busy|after they were due, by the generator's fault/,
    );
    expect(level?.generator.lag?.p99Ms).toBeGreaterThan(20);
    expect(level?.generator.utilization).toBeGreaterThan(0.8);
  });

  it("counts errors by their words, and goes on", async () => {
    const target = fakeTarget(async (_, sent) => {
      await delay(1);
      if (sent % 2 === 1) throw new Error("it is odd");
    });
    const level = await measured(target, { kind: "concurrency", concurrency: 2 });
    expect(level?.errors).toEqual([{ message: "it is odd", count: expect.any(Number) }]);
    expect(level?.failed).toBeGreaterThan(5);
    expect(level?.latency?.count).toBe(level!.requests - level!.failed);
  });

  it("is steady after three windows alike, and not where they differ", async () => {
    const even = fakeTarget(() => delay(10));
    const steady = await measured(even, { kind: "rate", rate: 100 }, { windows: 10, windowMs: 500 });
    expect(steady?.windows.length).toBeLessThanOrEqual(10);
    const begin = performance.now();
    const slower = fakeTarget(() => delay((performance.now() - begin) / 4));
    const level = await measured(slower, { kind: "concurrency", concurrency: 1 }, { windows: 4 });
    expect([level?.steady, level?.windows.length]).toEqual([false, 4]);
  });

  it("keeps what there is when it is stopped", async () => {
    const stop = new AbortController();
    const target = fakeTarget(() => delay(1));
    setTimeout(() => stop.abort(), 400);
    const run = { windows: 10, windowMs: 100_000, signal: stop.signal };
    const level = await measured(target, { kind: "concurrency", concurrency: 1 }, run);
    expect(level?.windows).toHaveLength(1);
    expect(level?.requests).toBeGreaterThan(1);
  });
});
