import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createLatencyBook, createLatencyHistogram } from "./latency-profile.ts";

describe("a latency profile", () => {
  it("gives quantiles within 1 % of the sorted values', and the exact count, mean and ends", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.001, max: 1_000_000, noNaN: true }), { minLength: 1, maxLength: 300 }),
        (values) => {
          const histogram = createLatencyHistogram();
          for (const value of values) histogram.record(value);
          const sorted = values.toSorted((a, b) => a - b);
          const at = (q: number): number => sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)]!;
          const profile = histogram.profile()!;
          expect(profile.count).toBe(values.length);
          expect(profile.minMs).toBe(sorted[0]);
          expect(profile.maxMs).toBe(sorted.at(-1));
          expect(profile.meanMs).toBeCloseTo(
            values.reduce((sum, value) => sum + value, 0) / values.length,
            6,
          );
          for (const [found, q] of [
            [profile.p50Ms, 0.5],
            [profile.p90Ms, 0.9],
            [profile.p99Ms, 0.99],
            [profile.p999Ms, 0.999],
          ] as const)
            expect(Math.abs(found / at(q) - 1)).toBeLessThan(0.01);
        },
      ),
      { numRuns: 100 },
    );
  });

  it("is none where nothing was recorded, and takes what lies outside of its range", () => {
    const histogram = createLatencyHistogram();
    expect(histogram.profile()).toBeUndefined();
    histogram.record(0);
    histogram.record(1e9);
    expect(histogram.profile()).toMatchObject({ count: 2, minMs: 0, maxMs: 1e9 });
  });

  it("is kept of each sequence and of all, and the oldest sequences are forgotten", () => {
    const book = createLatencyBook();
    book.record(undefined, 1);
    for (let i = 1n; i <= 300n; i++) book.record(i, 2);
    book.record("named", 3);
    expect(book.profile()?.count).toBe(302);
    expect(book.profile("named")).toMatchObject({ count: 1, p50Ms: 3 });
    expect([book.profile(1n), book.profile(300n)?.count]).toEqual([undefined, 1]);
  });
});
