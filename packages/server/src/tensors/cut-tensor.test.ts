import { joinByteStrings, splitByteStrings } from "@strainflow/series";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { splitBatch } from "../scheduling/batch.ts";

const text = fc.string({ unit: "binary", maxLength: 9 });

describe("a batch of texts", () => {
  it("gives each request its own, however long those of the others are", () => {
    const requests = fc
      .integer({ min: 1, max: 3 })
      .chain((width) =>
        fc.array(
          fc.array(fc.array(text, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 3 }),
          { minLength: 1, maxLength: 5 },
        ),
      );
    fc.assert(
      fc.property(requests, (all) => {
        const bytes = (texts: readonly string[]) => texts.map((one) => new TextEncoder().encode(one));
        const width = all[0]![0]!.length;
        const size = all.reduce((sum, rows) => sum + rows.length, 0);
        const data = joinByteStrings(bytes(all.flat(2)));
        const output = { datatype: "BYTES" as const, shape: [size, width], data, movable: false };
        const members = all.map((rows) => ({ size: rows.length, inputs: new Map() }));
        const parts = splitBatch(new Map([["texts", output]]), members);
        for (const [i, rows] of all.entries()) {
          const part = parts[i];
          if (!(part instanceof Map)) throw part;
          expect(part.get("texts").shape).toEqual([rows.length, width]);
          expect(
            splitByteStrings(part.get("texts").data).map((one) => new TextDecoder().decode(one)),
          ).toEqual(rows.flat().map((one) => new TextDecoder().decode(new TextEncoder().encode(one))));
        }
      }),
      { numRuns: 200 },
    );
  });
});
