import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { evenFft } from "./real-fft.ts";
import { vectorFft } from "./vector-fft.ts";

/** Even, of factors 2, 3 and 5, and with the twos that pairs need. */
const size = fc
  .record({
    twos: fc.integer({ min: 4, max: 8 }),
    threes: fc.integer({ min: 0, max: 2 }),
    fives: fc.integer({ min: 0, max: 2 }),
  })
  .map(({ twos, threes, fives }) => 2 ** twos * 3 ** threes * 5 ** fives);
const numbers = (length: number) =>
  fc.array(fc.double({ min: -1e3, max: 1e3, noNaN: true }), { minLength: length, maxLength: length });

describe("a transform by vectors", () => {
  it("gives the bits of the one without, both ways", () => {
    fc.assert(
      fc.property(
        size.chain((n) => fc.record({ n: fc.constant(n), x: numbers(n) })),
        ({ n, x }) => {
          const input = Float64Array.from(x);
          const [fast, plain] = [vectorFft(n)!, evenFft(n)];
          const run = (fft: typeof plain) => {
            const re = new Float64Array(n / 2 + 1);
            const im = new Float64Array(n / 2 + 1);
            const back = new Float64Array(n);
            fft.forward(input, re, im);
            fft.inverse(re, im, back);
            return [re, im, back];
          };
          expect(run(fast)).toStrictEqual(run(plain));
        },
      ),
      { numRuns: 60 },
    );
  });

  it("is planned only where pairs go up", () => {
    for (const n of [2, 8, 24, 14 * 16, 17 * 32, 15, 2 ** 19]) expect(vectorFft(n), `${n}`).toBeUndefined();
    for (const n of [16, 48, 80, 4096, 10_240, 2 ** 18]) expect(vectorFft(n)?.size).toBe(n);
  });
});
