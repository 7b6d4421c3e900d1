import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createEventTimings } from "./event-timings.ts";
import { LatencyHistogram } from "./latency-histogram.ts";

describe("LatencyHistogram", () => {
  it("gives quantiles of any durations within half a per cent of the nearest rank", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.001, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 300 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (durations, share) => {
          const histogram = new LatencyHistogram();
          for (const ms of durations) histogram.add(ms);
          const sorted = [...durations].sort((a, b) => a - b);
          const exact = sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1]!;
          expect(Math.abs(histogram.quantileMs(share) / exact - 1)).toBeLessThan(0.0051);
          expect(histogram.maxMs).toBe(sorted.at(-1));
        },
      ),
    );
  });

  it("has nothing to say of no durations", () => {
    const histogram = new LatencyHistogram();
    expect([histogram.quantileMs(0.5), histogram.maxMs, histogram.meanMs]).toEqual([NaN, NaN, NaN]);
  });
});

describe("createEventTimings", () => {
  it("keeps a row per deployment, with times of answered events only", () => {
    const timings = createEventTimings();
    for (let i = 0; i < 100; i++) timings.record("a", "inferred", 10 * i, 10 * i + 1 + i);
    timings.record("a", "timeout", 0, 30_000);
    timings.record('b, the "other"', "unreadable");
    const [a, b] = timings.rows();
    expect(a).toMatchObject({ events: 101, inferred: 100, timedOut: 1, maxMs: 100, meanMs: 50.5 });
    expect(a!.p50Ms / 50).toBeCloseTo(1, 2);
    expect(a!.p90Ms / 90).toBeCloseTo(1, 2);
    expect(a!.p99Ms / 99).toBeCloseTo(1, 2);
    expect(a!.eventsPerSecond).toBeCloseTo(100 / 1.09, 6);
    expect(b).toMatchObject({ events: 1, unreadable: 1, p50Ms: NaN });
    const [header, first, second] = timings.toCsv().split("\n");
    expect(header).toBe(
      "deployment,events,inferred,unreadable,refused,timedOut,lost,meanMs,p50Ms,p90Ms,p99Ms,maxMs,eventsPerSecond",
    );
    expect(first).toMatch(/^a,101,100,0,0,1,0,50\.500,/);
    expect(second).toBe('"b, the ""other""",1,0,1,0,0,0,,,,,,');
    expect(JSON.parse(timings.toJson())).toMatchObject([{ deployment: "a" }, { p50Ms: null }]);
  });
});
