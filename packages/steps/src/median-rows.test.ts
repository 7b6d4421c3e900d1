import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRowMedians } from "./median-rows.ts";

describe("createRowMedians", () => {
  it("sorts any order of any number of rows as far as the median needs", () => {
    // A network that sorts all sequences of zeros and ones sorts everything (Knuth, 5.3.4, theorem Z).
    for (let count = 2; count <= 12; count++) {
      const cases = 2 ** count;
      const rows = Array.from({ length: count }, (_, i) =>
        Float64Array.from({ length: cases }, (_, pattern) => (pattern >> i) & 1),
      );
      const medians = new Float64Array(cases);
      createRowMedians(count)(rows, medians);
      for (let pattern = 0; pattern < cases; pattern++) {
        const sorted = rows.map((row) => row[pattern]!).sort((a, b) => a - b);
        expect(medians[pattern]).toBe((sorted[(count - 1) >> 1]! + sorted[count >> 1]!) / 2);
      }
    }
  });

  it("gives the values that sorting gives, ties and infinities among them, and leaves the rows as they are", () => {
    const value = fc.oneof(
      fc.double({ noNaN: true, min: 0 }),
      fc.constantFrom(0, 1, Number.POSITIVE_INFINITY),
    );
    const columns = fc
      .integer({ min: 2, max: 24 })
      .chain((count) =>
        fc.array(fc.array(value, { minLength: count, maxLength: count }), { minLength: 1, maxLength: 300 }),
      );
    fc.assert(
      fc.property(columns, (bins) => {
        const count = bins[0]!.length;
        const rows = Array.from({ length: count }, (_, i) => Float64Array.from(bins, (bin) => bin[i]!));
        const before = rows.map((row) => row.slice());
        const medians = new Float64Array(bins.length);
        createRowMedians(count)(rows, medians);
        expect(rows).toEqual(before);
        for (const [k, bin] of bins.entries()) {
          const sorted = [...bin].sort((a, b) => a - b);
          const [low, high] = [sorted[(count - 1) >> 1]!, sorted[count >> 1]!];
          expect(medians[k]).toBe(count % 2 === 1 ? high : (low + high) / 2);
        }
      }),
      { numRuns: 60 },
    );
  });
});
