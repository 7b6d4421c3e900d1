import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Arrivals, createArrivals, shareOf } from "./arrivals.ts";

const first = (arrivals: Arrivals, count: number): number[] => Array.from({ length: count }, arrivals);

describe("arrivals", () => {
  it("at a constant rate lie on a grid that does not drift", () => {
    const arrivals = createArrivals({ kind: "rate", rate: 3 }, 1);
    expect(first(arrivals, 4).map((ms) => ms.toFixed(9))).toEqual(
      [0, 1000 / 3, 2000 / 3, 1000].map((ms) => ms.toFixed(9)),
    );
    for (let i = 4; i < 300_000; i++) arrivals();
    expect(arrivals()).toBeCloseTo(100_000_000, 6);
  });

  it("of a Poisson process have exponential gaps, which know nothing of each other", () => {
    const count = 50_000;
    for (const seed of [1, 2, 3]) {
      const times = first(
        createArrivals({ kind: "rate", rate: 200, distribution: "poisson" }, seed),
        count + 1,
      );
      const gaps = times.slice(1).map((ms, i) => ms - times[i]!);
      const mean = gaps.reduce((sum, gap) => sum + gap, 0) / count;
      // Of an exponential distribution the deviation is the mean: 5 ms, known to 5/√n.
      expect(Math.abs(mean - 5)).toBeLessThan((5 * 5) / Math.sqrt(count));
      const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / count;
      expect(variance / 25).toBeGreaterThan(0.95);
      expect(variance / 25).toBeLessThan(1.05);
      // Kolmogorov and Smirnov: 1.95/√n is exceeded once in a thousand times.
      const distance = Math.max(
        ...[...gaps]
          .sort((a, b) => a - b)
          .map((gap, i) => Math.abs(1 - Math.exp(-gap / 5) - (i + 0.5) / count)),
      );
      expect(distance).toBeLessThan(1.95 / Math.sqrt(count));
      const together = gaps.slice(1).reduce((sum, gap, i) => sum + (gap - mean) * (gaps[i]! - mean), 0);
      expect(Math.abs(together / count / variance)).toBeLessThan(5 / Math.sqrt(count));
    }
  });

  it("are the same from the same seed, and others from another", () => {
    const load = { kind: "rate", rate: 10, distribution: "poisson" } as const;
    expect(first(createArrivals(load, 7), 20)).toEqual(first(createArrivals(load, 7), 20));
    expect(first(createArrivals(load, 7), 20)).not.toEqual(first(createArrivals(load, 8), 20));
  });

  it("come with recorded gaps, over and over", () => {
    const arrivals = createArrivals({ kind: "intervals", intervalsMs: [1, 0, 4] }, 1);
    expect(first(arrivals, 8)).toEqual([0, 1, 1, 5, 6, 6, 10, 11]);
  });

  it("shared by generators are together what one alone would have", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 7 }),
        fc.integer(),
        fc.constantFrom("constant", "poisson"),
        (of, seed, distribution) => {
          const load = { kind: "rate", rate: 50, distribution } as const;
          const shares = Array.from({ length: of }, (_, i) =>
            first(shareOf(createArrivals(load, seed), i, of), 20),
          );
          const whole = first(createArrivals(load, seed), 20 * of);
          expect(shares.flat().sort((a, b) => a - b)).toEqual(whole);
        },
      ),
      { numRuns: 40 },
    );
  });
});
