import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseMetrics } from "./parse-metrics.ts";
import { countersOf, sumMetrics } from "./sum-metrics.ts";
import { writeMetrics } from "./write-metrics.ts";

const page = (model: string, count: number, waiting: number): string =>
  writeMetrics([
    { name: "runs_total", type: "counter", help: "Runs", values: [{ labels: { model }, value: count }] },
    { name: "waiting", type: "gauge", help: "Waiting", values: [{ labels: { model }, value: waiting }] },
    {
      name: "took_seconds",
      type: "histogram",
      help: "How long",
      values: [
        { suffix: "_bucket", labels: { model, le: "+Inf" }, value: count },
        { suffix: "_sum", labels: { model }, value: count / 2 },
        { suffix: "_count", labels: { model }, value: count },
      ],
    },
    { name: "cpu_share", type: "gauge", help: "Of the machine", values: [{ labels: {}, value: waiting }] },
  ]);

const valuesOf = (text: string): unknown =>
  parseMetrics(text).samples.map(({ name, labels, value }) => [name, Object.fromEntries(labels), value]);

describe("pages of several processes", () => {
  it("are one page of sums, apart by labels, each family once; of the machine the largest", () => {
    const sum = sumMetrics([page("a", 3, 1), page("a", 4, 2), page('b"\\\n', 5, 0)], /^cpu_/);
    expect(sum.match(/^# TYPE .*$/gm)).toEqual([
      "# TYPE runs_total counter",
      "# TYPE waiting gauge",
      "# TYPE took_seconds histogram",
      "# TYPE cpu_share gauge",
    ]);
    expect(valuesOf(sum)).toEqual([
      ["runs_total", { model: "a" }, 7],
      ["runs_total", { model: 'b"\\\n' }, 5],
      ["waiting", { model: "a" }, 3],
      ["waiting", { model: 'b"\\\n' }, 0],
      ["took_seconds_bucket", { model: "a", le: "+Inf" }, 7],
      ["took_seconds_sum", { model: "a" }, 3.5],
      ["took_seconds_count", { model: "a" }, 7],
      ["took_seconds_bucket", { model: 'b"\\\n', le: "+Inf" }, 5],
      ["took_seconds_sum", { model: 'b"\\\n' }, 2.5],
      ["took_seconds_count", { model: 'b"\\\n' }, 5],
      ["cpu_share", {}, 2],
    ]);
  });

  it("are summed in any grouping, and one alone is itself", () => {
    const pages = fc.array(
      fc
        .tuple(fc.constantFrom("a", "b", "c d"), fc.nat(1000), fc.nat(9))
        .map(([model, count, waiting]) => page(model, count, waiting)),
      { minLength: 1, maxLength: 6 },
    );
    fc.assert(
      fc.property(pages, fc.nat(5), (all, at) => {
        expect(sumMetrics(all.slice(0, 1))).toBe(all[0]);
        const parts = [sumMetrics(all.slice(0, at)), sumMetrics(all.slice(at))];
        expect(sumMetrics(parts)).toBe(sumMetrics(all));
      }),
      { numRuns: 50 },
    );
  });

  it("leave of a process that is gone what only grows", () => {
    expect(countersOf(page("a", 3, 1)).match(/^# TYPE \S+/gm)).toEqual([
      "# TYPE runs_total",
      "# TYPE took_seconds",
    ]);
  });
});
