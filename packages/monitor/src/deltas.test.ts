import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createDeltas } from "./deltas.ts";
import { counterNames, type ModelCounters, type ModelMetrics } from "./model-counters.ts";

const model = (name: string, counters: ModelCounters): ModelMetrics => ({
  model: name,
  version: "1",
  counters,
});
const grown = (deltas: ReturnType<typeof createDeltas>, at: number, ...models: readonly ModelMetrics[]) =>
  deltas.push(models, at)?.models.map(({ model, counters, reset }) => [model, counters, reset]);

describe("differences between readings", () => {
  test("the first reading has none; a model that was quiet has zeros", () => {
    const deltas = createDeltas();
    expect(deltas.push([model("net", { requests: 5, queueUs: 100 })], 0)).toBeUndefined();
    expect(deltas.push([model("net", { requests: 5, queueUs: 100 })], 250)).toEqual({
      elapsedSeconds: 0.25,
      models: [{ model: "net", version: "1", counters: { requests: 0, queueUs: 0 }, reset: false }],
    });
    expect(grown(deltas, 500, model("net", { requests: 7, queueUs: 130 }))).toEqual([
      ["net", { requests: 2, queueUs: 30 }, false],
    ]);
  });

  test("totals are differences from zero", () => {
    expect(createDeltas({ fromZero: true }).push([model("net", { requests: 5 })], 99)).toMatchObject({
      elapsedSeconds: 0,
      models: [{ counters: { requests: 5 }, reset: false }],
    });
  });

  test("one counter that fell resets all of its model, and no other", () => {
    const deltas = createDeltas();
    deltas.push([model("a", { requests: 5, queueUs: 100 }), model("b", { requests: 5 })], 0);
    expect(grown(deltas, 1, model("a", { requests: 9, queueUs: 20 }), model("b", { requests: 6 }))).toEqual([
      ["a", { requests: 9, queueUs: 20 }, true],
      ["b", { requests: 1 }, false],
    ]);
  });

  test("a server that was away and came back with less was another process: busy models began anew too", () => {
    const deltas = createDeltas();
    deltas.push([model("quiet", { requests: 50 }), model("busy", { requests: 5 })], 0);
    deltas.away();
    expect(grown(deltas, 9000, model("quiet", { requests: 0 }), model("busy", { requests: 70 }))).toEqual([
      ["quiet", { requests: 0 }, true],
      ["busy", { requests: 70 }, true],
    ]);
    expect(grown(deltas, 9001, model("quiet", { requests: 1 }), model("busy", { requests: 71 }))).toEqual([
      ["quiet", { requests: 1 }, false],
      ["busy", { requests: 1 }, false],
    ]);
  });

  test("a server that was away and is the same goes on where it was", () => {
    const deltas = createDeltas();
    deltas.push([model("net", { requests: 50 })], 0);
    deltas.away();
    deltas.away();
    expect(deltas.push([model("net", { requests: 80 })], 4000)).toMatchObject({
      elapsedSeconds: 4,
      models: [{ counters: { requests: 30 }, reset: false }],
    });
  });

  test("a model that is loaded later has grown from zero, and again after it was gone", () => {
    const deltas = createDeltas();
    deltas.push([], 0);
    expect(grown(deltas, 1, model("net", { requests: 3 }))).toEqual([["net", { requests: 3 }, false]]);
    expect(grown(deltas, 2)).toEqual([]);
    expect(grown(deltas, 3, model("net", { requests: 4 }))).toEqual([["net", { requests: 4 }, false]]);
  });

  test("a counter that comes and goes is told where it is", () => {
    const deltas = createDeltas();
    deltas.push([model("net", { requests: 3 })], 0);
    expect(grown(deltas, 1, model("net", { requests: 4, queueUs: 7 }))).toEqual([
      ["net", { requests: 1, queueUs: 7 }, false],
    ]);
    expect(grown(deltas, 2, model("net", { requests: 4 }))).toEqual([["net", { requests: 0 }, false]]);
  });

  test("whatever happens, none is below zero, and without restarts they add up to the whole", () => {
    const event = fc.oneof(
      { weight: 6, arbitrary: fc.record({ grow: fc.array(fc.nat(50), { minLength: 9, maxLength: 9 }) }) },
      { weight: 1, arbitrary: fc.constant("restart" as const) },
      { weight: 1, arbitrary: fc.constant("away" as const) },
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30 }), (events) => {
        const deltas = createDeltas();
        const now: number[] = counterNames.map((_, i) => 10 * i);
        const sums = counterNames.map(() => 0);
        const counters = (): ModelCounters =>
          Object.fromEntries(counterNames.map((name, i) => [name, now[i]]));
        deltas.push([model("net", counters())], 0);
        const first = [...now];
        let restarts = 0;
        let at = 0;
        for (const happened of events) {
          at++;
          if (happened === "away") {
            deltas.away();
            continue;
          }
          if (happened === "restart") {
            restarts++;
            now.fill(0);
          } else for (const [i, by] of happened.grow.entries()) now[i]! += by;
          for (const { counters: change } of deltas.push([model("net", counters())], at)?.models ?? [])
            for (const [i, name] of counterNames.entries()) {
              expect(change[name]).toBeGreaterThanOrEqual(0);
              sums[i]! += change[name]!;
            }
        }
        if (restarts === 0) expect(sums).toEqual(now.map((value, i) => value - first[i]!));
      }),
      { numRuns: 200 },
    );
  });
});
