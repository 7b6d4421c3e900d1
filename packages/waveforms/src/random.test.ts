import { describe, expect, it } from "vitest";
import { createRandom } from "./random.ts";

describe("random numbers", () => {
  it("depend on key and counter, all of the counter's bits too", () => {
    const first = (key: string, counter?: number): number => createRandom(key, counter).uniform();
    expect(first("a", 1)).toBe(first("a", 1));
    const others = [
      first("a", 1),
      first("a", 2),
      first("b", 1),
      first("a", 1 + 2 ** 32),
      first("a", -1),
      first("a1"),
    ];
    expect(new Set(others).size).toBe(others.length);
  });

  it("are uniform: chi-squared of 64 bins over neighbouring keys", () => {
    const bins = new Array<number>(64).fill(0);
    for (let counter = 0; counter < 64_000; counter++)
      bins[Math.floor(64 * createRandom("k", counter).uniform())]!++;
    const chi = bins.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    // 63 degrees of freedom: mean 63, deviation 11.
    expect(chi).toBeGreaterThan(25);
    expect(chi).toBeLessThan(115);
  });

  it("fill the same values into any length", () => {
    const long = new Float64Array(9);
    const short = new Float64Array(5);
    createRandom("x").fillGaussian(long);
    createRandom("x").fillGaussian(short);
    expect(short).toEqual(long.subarray(0, 5));
  });
});
