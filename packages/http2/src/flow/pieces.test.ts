import fc from "fast-check";
import { expect, it } from "vitest";
import { Pieces } from "./pieces.ts";

it("pieces are what came, in its order, whatever their sizes", () => {
  const size = fc.oneof(fc.nat(20), fc.nat(3000), fc.integer({ min: 4000, max: 40_000 }));
  fc.assert(
    fc.property(fc.array(size, { maxLength: 30 }), fc.nat(30), (sizes, takenAfter) => {
      const pieces = new Pieces();
      const all = sizes.map((length, i) => Buffer.from(Uint8Array.from({ length }, (_, at) => at * 3 + i)));
      const taken: Buffer[] = [];
      for (const [i, piece] of all.entries()) {
        if (i === takenAfter) taken.push(...pieces.take());
        pieces.add(piece);
      }
      expect(pieces.size).toBe(
        sizes.slice(takenAfter < sizes.length ? takenAfter : 0).reduce((a, b) => a + b, 0),
      );
      taken.push(...pieces.take());
      expect([pieces.size, pieces.take()]).toEqual([0, []]);
      expect(Buffer.concat(taken).equals(Buffer.concat(all))).toBe(true);
    }),
    { numRuns: 200 },
  );
});

it("small pieces keep neither an object each nor the memory that they came in", () => {
  const read = Buffer.alloc(64 * 1024, 1);
  const pieces = new Pieces();
  for (let at = 0; at < read.length; at++) pieces.add(read.subarray(at, at + 1));
  const kept = pieces.take();
  expect(kept.length).toBeLessThan(20);
  expect(kept.every(({ buffer }) => buffer !== read.buffer)).toBe(true);
  pieces.add(read.subarray(0, 5000));
  pieces.add(read.subarray(0, 60_000));
  expect(pieces.take().map(({ buffer }) => buffer === read.buffer)).toEqual([false, true]);
});
