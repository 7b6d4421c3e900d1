import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { changeOf, updatedBaseline } from "../bench/baseline.mjs";
import { measurePairs, median, outcome } from "../bench/pairs.mjs";
import { figure, renderTable } from "../bench/table.mjs";

describe("benchmarks: pairs", () => {
  it("take a median that has as many values below as above it, whatever the order", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1 }), (values) => {
        const middle = median(values);
        const below = values.filter((value) => value < middle).length;
        const above = values.filter((value) => value > middle).length;
        expect(Math.max(below, above)).toBeLessThanOrEqual(values.length / 2);
        expect(median([...values].reverse())).toBe(middle);
      }),
    );
    expect(() => median([])).toThrow(RangeError);
  });

  it("are measured by turns, each side first every other time, and never both at once", async () => {
    const calls: string[] = [];
    let running = 0;
    const side = (name: string, values: number[]) => async () => {
      expect(++running).toBe(1);
      calls.push(name);
      await new Promise<void>((resolve) => setImmediate(resolve));
      running--;
      return values.shift()!;
    };
    const pairs = await measurePairs(3, side("ours", [1, 2, 3]), side("theirs", [10, 20, 30]));
    expect(calls).toEqual(["ours", "theirs", "theirs", "ours", "ours", "theirs"]);
    expect(pairs).toEqual([
      { ours: 1, theirs: 10 },
      { ours: 2, theirs: 20 },
      { ours: 3, theirs: 30 },
    ]);
  });

  it("give the median of the pairs' ratios, not the ratio of medians: a slow spell hits both sides of its pair", () => {
    const samples = [
      { ours: 6, theirs: 10 },
      { ours: 60, theirs: 100 },
      { ours: 1, theirs: 100 },
    ];
    const line = outcome({ name: "a", unit: "x/s", against: "b", samples, goal: 0.6 });
    expect(line).toMatchObject({ value: 6, ratio: 0.6, goal: 0.6, met: true, samples });
  });

  it("turn the ratio of a cost round, so that more is better everywhere", () => {
    const samples = [{ ours: 2, theirs: 8 }];
    expect(outcome({ name: "a", unit: "µs", against: "b", samples, cost: true }).ratio).toBe(4);
    expect(outcome({ name: "a", unit: "x/s", against: "b", samples }).ratio).toBe(0.25);
  });

  it("leave a line without a ratio, and neither met nor missed, where the peer is absent", () => {
    const line = outcome({
      name: "a",
      unit: "x/s",
      against: "b",
      samples: [{ ours: 2 }],
      goal: 1,
      note: "b is not here",
    });
    expect(line).toMatchObject({ value: 2, against: "b", ratio: null, met: null, note: "b is not here" });
    expect(renderTable([line], {})).toContain("b is not here");
  });
});

describe("benchmarks: baseline", () => {
  it("keeps what was not measured, or had no peer, and rounds the rest", () => {
    const before = { b: 0.5, c: 2 };
    const lines = [
      { name: "b", ratio: null },
      { name: "a", ratio: 1.23456 },
      { name: "d", ratio: 1, baseline: false },
    ];
    expect(Object.entries(updatedBaseline(before, lines))).toEqual([
      ["a", 1.23],
      ["b", 0.5],
      ["c", 2],
    ]);
  });

  it("tells a change from noise, its direction, and a benchmark that is new", () => {
    expect(changeOf({ a: 1 }, { name: "a", ratio: 1.2 })).toBe("same");
    expect(changeOf({ a: 1 }, { name: "a", ratio: 1.5 })).toBe("+50 %");
    expect(changeOf({ a: 1 }, { name: "a", ratio: 0.5 })).toBe("−50 %");
    expect(changeOf({}, { name: "a", ratio: 1 })).toBe("new");
    expect(changeOf({ a: 1 }, { name: "a", ratio: null })).toBe("");
    expect(changeOf({}, { name: "constructor", ratio: 1 })).toBe("new");
  });
});

describe("benchmarks: table", () => {
  it("writes figures with three digits that mean something", () => {
    expect([1_234_567.8, 123.45, 56.78, 0.012345, null].map(figure)).toEqual([
      "1 234 568",
      "123",
      "56.8",
      "0.0123",
      "–",
    ]);
  });

  it("has one row per benchmark, and all columns in line", () => {
    const samples = [{ ours: 6, theirs: 10 }];
    const lines = ["a", "longer name"].map((name) =>
      outcome({ name, unit: "x/s", against: "b", samples, goal: 0.7 }),
    );
    const rows = renderTable(lines, { a: 0.6 }).split("\n");
    expect(rows).toHaveLength(3);
    expect(new Set(rows.slice(1).map((row) => row.indexOf("x/s"))).size).toBe(1);
    expect(rows[1]).toMatch(/0\.6 +0\.7 ✗ +same$/);
    expect(rows[2]).toMatch(/0\.7 ✗ +new$/);
  });
});
