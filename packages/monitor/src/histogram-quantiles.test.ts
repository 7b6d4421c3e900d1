import { parseMetrics } from "@strainflow/metrics";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createDeltas } from "./deltas.ts";
import { histogramQuantiles } from "./histogram-quantiles.ts";
import { modelMetrics } from "./model-counters.ts";

const bounds = [0.001, 0.01, 0.1, 1, Number.POSITIVE_INFINITY];
const cumulative = (seconds: readonly number[]): Map<number, number> =>
  new Map(bounds.map((bound) => [bound, seconds.filter((value) => value <= bound).length]));

describe("quantiles of a histogram", () => {
  test("are of what fell into it in between, whatever it held before", () => {
    const before = cumulative([5, 5, 5, 0.0001]);
    const now = new Map(before);
    for (const bound of bounds.filter((one) => one >= 0.01)) now.set(bound, now.get(bound)! + 100);
    const quantiles = histogramQuantiles(before, now);
    expect(quantiles.get("0.5")).toBeCloseTo(5500, 6);
    expect(quantiles.get("0.99")).toBeCloseTo(9910, 6);
    expect(histogramQuantiles(now, now)).toEqual(new Map());
    expect(histogramQuantiles(new Map(), new Map())).toEqual(new Map());
  });

  test("beyond the last bound are that bound", () => {
    expect(histogramQuantiles(new Map(), cumulative([7, 8])).get("0.5")).toBe(1e6);
  });

  test("lie in the bucket of the true quantile, and rise", () => {
    const values = fc.array(fc.double({ min: 1e-6, max: 1, noNaN: true }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(values, values, (earlier, later) => {
        const quantiles = histogramQuantiles(cumulative(earlier), cumulative([...earlier, ...later]));
        const sorted = later.toSorted((a, b) => a - b);
        let last = 0;
        for (const [quantile, us] of quantiles) {
          const rank = Math.max(1, Math.ceil(Number(quantile) * sorted.length - 1e-9));
          const truth = sorted[rank - 1]!;
          const top = bounds.findIndex((bound) => truth <= bound);
          expect(us / 1e6).toBeLessThanOrEqual(bounds[top]! * (1 + 1e-9));
          expect(us / 1e6).toBeGreaterThanOrEqual((bounds[top - 1] ?? 0) * (1 - 1e-9));
          expect(us).toBeGreaterThanOrEqual(last * (1 - 1e-9));
          last = us;
        }
      }),
      { numRuns: 200 },
    );
  });

  test("go from a server's page into the differences, and are gone in an interval without requests", () => {
    const page = (seconds: readonly number[]) =>
      modelMetrics(
        parseMetrics(
          [
            `nv_inference_request_success{model="net",version="1"} ${seconds.length}`,
            ...[...cumulative(seconds)].map(
              ([bound, count]) =>
                `strainflow_inference_request_seconds_bucket{le="${Number.isFinite(bound) ? bound : "+Inf"}",model="net",version="1"} ${count}`,
            ),
          ].join("\n"),
        ),
      );
    const deltas = createDeltas();
    deltas.push(page([0.5]), 0);
    expect(deltas.push(page([0.5, 0.002, 0.003]), 1)?.models[0]?.quantiles?.us.get("0.5")).toBeCloseTo(
      5500,
      6,
    );
    expect(deltas.push(page([0.5, 0.002, 0.003]), 2)?.models[0]?.quantiles).toBeUndefined();
    const [again] = deltas.push(page([0.05]), 3)?.models ?? [];
    expect([again?.reset, again?.quantiles?.us.get("0.5")]).toEqual([true, expect.closeTo(55_000, 6)]);
  });
});
