import fc from "fast-check";
import { expect, it } from "vitest";
import { percentile, summarize } from "./latency-summary.ts";

const latencies = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 200 });

it("a percentile is the smallest measured value that so many do not exceed", () => {
  fc.assert(
    fc.property(latencies, fc.double({ min: 0.1, max: 100, noNaN: true }), (values, percent) => {
      const sorted = Float64Array.from(values).sort();
      const found = percentile(sorted, percent);
      const share = (limit: number): number =>
        values.filter((value) => value <= limit).length / values.length;
      expect(values).toContain(found);
      expect(share(found)).toBeGreaterThanOrEqual(percent / 100 - 1e-9);
      const below = values.filter((value) => value < found);
      if (below.length > 0) expect(share(Math.max(...below))).toBeLessThan(percent / 100 + 1e-9);
    }),
    { numRuns: 200 },
  );
});

it("a summary has the mean, the deviation, and percentiles that rise", () => {
  fc.assert(
    fc.property(latencies, (values) => {
      const summary = summarize(Float64Array.from(values).sort())!;
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      expect(summary.count).toBe(values.length);
      expect(summary.meanMs).toBeCloseTo(mean, 3);
      expect(summary.deviationMs ** 2).toBeCloseTo(
        values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length,
        -1,
      );
      const { minMs, p50Ms, p90Ms, p95Ms, p99Ms, p999Ms, maxMs } = summary;
      const rising = [minMs, p50Ms, p90Ms, p95Ms, p99Ms, p999Ms, maxMs];
      expect([...rising].sort((a, b) => a - b)).toEqual(rising);
      expect([minMs, maxMs]).toEqual([Math.min(...values), Math.max(...values)]);
    }),
  );
  expect(summarize(new Float64Array(0))).toBeUndefined();
});

it("of a hundred values the 99th percentile is the 99th, and of a thousand the 99.9th the 999th", () => {
  const upTo = (count: number) => Float64Array.from({ length: count }, (_, i) => i + 1);
  expect([50, 90, 95, 99, 100].map((percent) => percentile(upTo(100), percent))).toEqual([
    50, 90, 95, 99, 100,
  ]);
  expect(percentile(upTo(1000), 99.9)).toBe(999);
  expect(percentile(new Float64Array(0), 50)).toBeNaN();
});
