import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { clip, infiniteMarks, type Mark, missingMarks, overlay } from "./gap-marks.ts";

const LENGTH = 60;

/** Ordered, disjoint marks; neighbours may touch. */
const marks = (reason: Mark["reason"]) =>
  fc.uniqueArray(fc.integer({ min: 0, max: LENGTH }), { maxLength: 12 }).map((cuts) => {
    const sorted = cuts.sort((a, b) => a - b);
    return sorted
      .slice(1)
      .flatMap((end, i): Mark[] => (i % 3 === 2 ? [] : [{ start: sorted[i]!, end, reason }]));
  });

function reasonAt(list: readonly Mark[], index: number): string | undefined {
  return list.find(({ start, end }) => index >= start && index < end)?.reason;
}

describe("marks", () => {
  it("laid over others cover them, sample by sample, and stay ordered and disjoint", () => {
    fc.assert(
      fc.property(marks("not-ready"), marks("missing"), (base, over) => {
        const both = overlay(base, over);
        for (let i = 0; i < LENGTH; i++)
          expect(reasonAt(both, i)).toBe(reasonAt(over, i) ?? reasonAt(base, i));
        for (const [i, { start, end }] of both.entries()) {
          expect(start).toBeLessThan(end);
          if (i > 0) expect(start).toBeGreaterThanOrEqual(both[i - 1]!.end);
        }
      }),
    );
  });

  it("are cut to a stretch", () => {
    fc.assert(
      fc.property(marks("missing"), fc.nat(LENGTH), fc.nat(LENGTH), (list, a, b) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)];
        const cut = clip(list, from, to);
        for (let i = 0; i < LENGTH; i++)
          expect(reasonAt(cut, i)).toBe(i >= from && i < to ? reasonAt(list, i) : undefined);
      }),
    );
  });

  it("stand where values are not numbers, or not finite", () => {
    const value = fc.constantFrom(
      1e-21,
      -0,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      1e300,
    );
    fc.assert(
      fc.property(fc.array(value, { maxLength: LENGTH }), fc.boolean(), (values, narrow) => {
        const data = narrow ? Float32Array.from(values) : Float64Array.from(values);
        const missing = missingMarks(data, 1000, "here");
        const infinite = infiniteMarks(data, 1000, "here");
        for (const [i, sample] of data.entries()) {
          expect(reasonAt(missing, 1000 + i)).toBe(Number.isNaN(sample) ? "missing" : undefined);
          expect(reasonAt(infinite, 1000 + i)).toBe(Math.abs(sample) === Infinity ? "damaged" : undefined);
        }
      }),
    );
  });
});
