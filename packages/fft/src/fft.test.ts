import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createComplexFft, createRealFft } from "./index.ts";
import { rootOfUnity } from "./roots-of-unity.ts";

/** The definition, one sum per frequency. */
function direct(xRe: Float64Array, xIm: Float64Array): { re: Float64Array; im: Float64Array } {
  const size = xRe.length;
  const re = new Float64Array(size);
  const im = new Float64Array(size);
  for (let k = 0; k < size; k++) {
    for (let n = 0; n < size; n++) {
      const angle = (-2 * Math.PI * ((k * n) % size)) / size;
      re[k]! += xRe[n]! * Math.cos(angle) - xIm[n]! * Math.sin(angle);
      im[k]! += xRe[n]! * Math.sin(angle) + xIm[n]! * Math.cos(angle);
    }
  }
  return { re, im };
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>, size = a.length): number {
  let largest = 0;
  for (let i = 0; i < size; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  return largest;
}

/** Seeded, so that a failure can be met again. */
function noise(size: number, seed: number): Float64Array {
  let state = seed | 1;
  return Float64Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  });
}

const size = fc.integer({ min: 1, max: 300 });
const seed = fc.integer({ min: 1, max: 1e9 });

describe("complex transforms", () => {
  it("equal the defining sum at every length from 1 to 130, primes included", () => {
    for (let n = 1; n <= 130; n++) {
      const xRe = noise(n, n);
      const xIm = noise(n, n + 1000);
      const expected = direct(xRe, xIm);
      const re = new Float64Array(n);
      const im = new Float64Array(n);
      createComplexFft(n).forward(xRe, xIm, re, im);
      expect(largestDifference(re, expected.re), `length ${n}`).toBeLessThan(1e-12);
      expect(largestDifference(im, expected.im), `length ${n}`).toBeLessThan(1e-12);
    }
  });

  it("come back by the inverse, also in place and from longer arrays", () => {
    fc.assert(
      fc.property(size, seed, fc.integer({ min: 0, max: 3 }), (n, from, spare) => {
        const fft = createComplexFft(n);
        const xRe = noise(n + spare, from);
        const xIm = noise(n + spare, from + 1);
        const re = xRe.slice();
        const im = xIm.slice();
        fft.forward(re, im, re, im);
        fft.inverse(re, im, re, im);
        expect(largestDifference(re, xRe, n)).toBeLessThan(1e-13);
        expect(largestDifference(im, xIm, n)).toBeLessThan(1e-13);
      }),
      { numRuns: 60 },
    );
  });

  it("give the same bytes in place and out of place", () => {
    fc.assert(
      fc.property(size, seed, (n, from) => {
        const fft = createComplexFft(n);
        const xRe = noise(n, from);
        const xIm = noise(n, from + 1);
        const re = new Float64Array(n);
        const im = new Float64Array(n);
        fft.forward(xRe, xIm, re, im);
        fft.forward(xRe, xIm, xRe, xIm);
        expect(xRe).toEqual(re);
        expect(xIm).toEqual(im);
      }),
      { numRuns: 60 },
    );
  });
});

describe("real transforms", () => {
  it.each([1, 2, 3, 4, 6, 7, 15, 34, 62, 74, 94, 97, 128, 150, 194, 211])(
    "equal the defining sum at length %i",
    (n) => {
      const x = noise(n, n);
      const expected = direct(x, new Float64Array(n));
      const fft = createRealFft(n);
      const re = new Float64Array(fft.bins);
      const im = new Float64Array(fft.bins);
      fft.forward(x, re, im);
      expect(fft.bins).toBe(Math.floor(n / 2) + 1);
      expect(largestDifference(re, expected.re)).toBeLessThan(2e-12);
      expect(largestDifference(im, expected.im)).toBeLessThan(2e-12);
    },
  );

  it("come back by the inverse and keep the energy (Parseval)", () => {
    fc.assert(
      fc.property(fc.oneof(size, fc.constantFrom(4096, 5120, 6144, 4608)), seed, (n, from) => {
        const fft = createRealFft(n);
        const x = noise(n, from);
        const re = new Float64Array(fft.bins);
        const im = new Float64Array(fft.bins);
        const back = new Float64Array(n);
        fft.forward(x, re, im);
        fft.inverse(re, im, back);
        expect(largestDifference(back, x)).toBeLessThan(1e-13);
        let inTime = 0;
        for (const value of x) inTime += value * value;
        let inFrequency = 0;
        for (let k = 0; k < fft.bins; k++) {
          const once = k === 0 || 2 * k === n;
          inFrequency += (once ? 1 : 2) * (re[k]! ** 2 + im[k]! ** 2);
        }
        expect(Math.abs(inFrequency / n - inTime)).toBeLessThan(1e-12 * (1 + inTime));
      }),
      { numRuns: 60 },
    );
  });

  it("are linear, and a delay turns the phase", () => {
    fc.assert(
      fc.property(size, seed, fc.nat(299), (n, from, by) => {
        const fft = createRealFft(n);
        const delay = by % n;
        const x = noise(n, from);
        const mixed = Float64Array.from(x, (value, i) => 3 * value - 2 * x[(i - delay + n) % n]!);
        const re = new Float64Array(fft.bins);
        const im = new Float64Array(fft.bins);
        const mixedRe = new Float64Array(fft.bins);
        const mixedIm = new Float64Array(fft.bins);
        fft.forward(x, re, im);
        fft.forward(mixed, mixedRe, mixedIm);
        for (let k = 0; k < fft.bins; k++) {
          const w = rootOfUnity(k * delay, n);
          expect(mixedRe[k]).toBeCloseTo(3 * re[k]! - 2 * (re[k]! * w.re - im[k]! * w.im), 10);
          expect(mixedIm[k]).toBeCloseTo(3 * im[k]! - 2 * (re[k]! * w.im + im[k]! * w.re), 10);
        }
      }),
      { numRuns: 40 },
    );
  });

  it("put a cosine into one bin, to the last digits, at 2^18 points", () => {
    const n = 2 ** 18;
    const fft = createRealFft(n);
    const bin = 51_789;
    const x = Float64Array.from({ length: n }, (_, i) => rootOfUnity(bin * i, n).re);
    const re = new Float64Array(fft.bins);
    const im = new Float64Array(fft.bins);
    fft.forward(x, re, im);
    expect(re[bin]).toBeCloseTo(n / 2, 8);
    re[bin] = 0;
    expect(largestDifference(re, new Float64Array(fft.bins))).toBeLessThan(1e-9);
    expect(largestDifference(im, new Float64Array(fft.bins))).toBeLessThan(1e-9);
  });

  it("give the same bytes from a second plan", () => {
    for (const n of [1000, 1021, 2048, 4608]) {
      const [first, second] = [createRealFft(n), createRealFft(n)].map((fft) => {
        const re = new Float64Array(fft.bins);
        const im = new Float64Array(fft.bins);
        fft.forward(noise(n, 5), re, im);
        fft.forward(noise(n, 6), re, im);
        return [re, im];
      });
      expect(first).toEqual(second);
    }
  });
});

describe("roots of unity", () => {
  it("are exact at quarter turns, opposite roots are exact negatives, and none is off the circle", () => {
    expect(rootOfUnity(0, 8).re).toBe(1);
    expect(Math.abs(rootOfUnity(2, 8).re)).toBe(0);
    expect(rootOfUnity(2, 8).im).toBe(-1);
    expect(rootOfUnity(4, 8).re).toBe(-1);
    expect(rootOfUnity(6, 8).im).toBe(1);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4000 }), fc.nat(100_000), (half, k) => {
        const a = rootOfUnity(k, 2 * half);
        const b = rootOfUnity(k + half, 2 * half);
        expect(a.re === -b.re).toBe(true);
        expect(a.im === -b.im).toBe(true);
        expect(a.re).toBeCloseTo(Math.cos((Math.PI * (k % (2 * half))) / half), 12);
        expect(a.im).toBeCloseTo(-Math.sin((Math.PI * (k % (2 * half))) / half), 12);
      }),
    );
  });
});

describe("what cannot be planned is refused", () => {
  it.each([0, -4, 2.5, Number.NaN, 2 ** 29])("a size of %d", (n) => {
    expect(() => createRealFft(n)).toThrow(RangeError);
    expect(() => createComplexFft(n)).toThrow(RangeError);
  });

  it("arrays that are too short", () => {
    const fft = createRealFft(8);
    expect(() => fft.forward(new Float64Array(7), new Float64Array(5), new Float64Array(5))).toThrow(/input/);
    expect(() => fft.forward(new Float64Array(8), new Float64Array(4), new Float64Array(5))).toThrow(
      /re has 4/,
    );
    const complex = createComplexFft(8);
    const short = new Float64Array(4);
    expect(() => complex.forward(short, short, new Float64Array(8), new Float64Array(8))).toThrow(RangeError);
  });
});
