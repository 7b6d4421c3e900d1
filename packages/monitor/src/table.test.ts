import { StrainflowError } from "@strainflow/series";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createTableState } from "./activity-table.ts";
import { averageFigure, durationFigure, rateFigure } from "./figures.ts";
import type { MonitorSample } from "./monitor-sample.ts";
import { createTableSink, type TableStream } from "./table-sink.ts";
import { activity, away, client, served } from "./testing/samples.ts";

const pipeline = served([
  activity("alone", 3),
  activity("first", 20, { stepOf: ["pipe"] }),
  activity("pipe", 20, { steps: ["second", "first"] }),
  activity("second", 20, { batch: 8, stepOf: ["pipe"], reset: true }),
]);

function table(columns: number, ...samples: readonly MonitorSample[]): string[] {
  const state = createTableState();
  for (const sample of samples) state.add(sample);
  return state.lines(columns);
}

describe("the table", () => {
  test("has ensembles with their steps, in their order, and clients beside", () => {
    expect(table(120, pipeline, away("triton-2"), client)).toEqual([
      "triton-1:8002   last 1 s",
      "                             req/s     inf/s     batch   request     queue     input     infer    output",
      "  pipe                          20        20         1      1 ms    100 µs    200 µs    500 µs    200 µs",
      "    second (loaded anew)        20       160         8      1 ms    100 µs    200 µs    500 µs    200 µs",
      "    first                       20        20         1      1 ms    100 µs    200 µs    500 µs    200 µs",
      "  alone                          3         3         1      1 ms    100 µs    200 µs    500 µs    200 µs",
      "",
      "triton-2   away for 3 s: http://triton-2/metrics cannot be reached (so it goes)",
      "",
      "clients   answers       p50       p90       p99     p99.9",
      "  h1           12    1.5 ms      2 ms      9 ms     1.2 s",
    ]);
  });

  test("tells no time of a server that was not there from the start", () => {
    expect(table(80, { ...away("triton-2"), awaySeconds: 8e-5 })).toEqual([
      "triton-2   away: http://triton-2/metrics cannot be reached (so it goes)",
    ]);
  });

  test("lets go of the columns that matter least where it is narrow", () => {
    expect(table(60, served([activity("net", 20)]))).toEqual([
      "triton-1:8002   last 1 s",
      "          req/s     batch   request     queue     infer",
      "  net        20         1      1 ms    100 µs    500 µs",
    ]);
    expect(table(24, served([activity("a-long-name", 20)]))).toEqual([
      "triton-1:8002   last 1 s",
      "  a-long-name",
      "    20 req/s, 1 ms requ…",
    ]);
  });

  test("shows quantiles and failures only where there are some, and totals as counts", () => {
    const counters = { ...activity("net", 20).counters, failures: 2 };
    const [, heads, row] = table(
      120,
      served([activity("net", 20, { counters, quantiles: { us: new Map([["0.99", 2500]]) } })], {
        elapsedSeconds: 0,
      }),
    );
    expect(heads).toMatch(/requests +inf .* p99 +failed$/);
    expect(row).toMatch(/2\.5 ms +2$/);
  });

  test("is never wider than the terminal, whatever it is to show", () => {
    const name = fc.string({ minLength: 1, maxLength: 60, unit: "grapheme-ascii" });
    const model = fc.record({
      name,
      requests: fc.nat(1e9),
      batch: fc.integer({ min: 1, max: 64 }),
      part: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(model, { maxLength: 6 }),
        name,
        fc.integer({ min: 1, max: 200 }),
        (models, server, columns) => {
          const shown = models.map(({ name, requests, batch, part }) =>
            activity(name, requests, { batch, stepOf: part ? ["e"] : [] }),
          );
          const lines = table(columns, served(shown, { server }), away(`${server}!`), {
            ...client,
            client: server,
          });
          for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(columns);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe("the table on a stream", () => {
  function stream(more: Partial<TableStream>): TableStream & { text: string } {
    const made = {
      text: "",
      write(text: string) {
        made.text += text;
      },
      ...more,
    };
    return made;
  }

  test("is drawn over itself, and never higher than the terminal", () => {
    const terminal = stream({ isTTY: true, columns: 80, rows: 4 });
    const sink = createTableSink({ stream: terminal });
    sink.write(served([activity("net", 20)]));
    sink.write(served(["a", "b", "c", "d"].map((name) => activity(name, 1))));
    sink.write(client);
    const frames = terminal.text.split("\u001b[J");
    expect(frames).toHaveLength(4);
    expect(frames[1]).toContain("net");
    expect(frames[1]).toSatisfy((text: string) => text.endsWith("\u001b[3A\r"));
    expect(frames[2]).toSatisfy((text: string) => text.endsWith("… 4 more lines\n\u001b[3A\r"));
    for (const frame of frames) expect(frame.split("\n").length - 1).toBeLessThanOrEqual(3);
  });

  test("is whole in a terminal that does not know its size, and says 0", () => {
    const terminal = stream({ isTTY: true, columns: 0, rows: 0 });
    createTableSink({ stream: terminal }).write(pipeline);
    expect(terminal.text).toContain("  pipe ");
    expect(terminal.text).not.toContain("more lines");
  });

  test("where there is no terminal, is a line per model that did something, without codes", () => {
    const file = stream({});
    const sink = createTableSink({ stream: file });
    const error = new StrainflowError("models-unreachable", "no");
    for (const sample of [
      { ...away("t1"), kind: "no-steps" as const, error },
      away("t1"),
      away("t1"),
      served([], { server: "t1", elapsedSeconds: 4 }),
      pipeline,
      served([activity("quiet", 0)]),
      client,
    ])
      sink.write(sample);
    expect(file.text.split("\n")).toEqual([
      "14:51:41  t1   ensembles are not recognised: no",
      "14:51:41  t1   away: http://t1/metrics cannot be reached (so it goes)",
      "14:51:40  t1   back after 4 s",
      expect.stringMatching(/^14:51:40 {2}triton-1:8002 {3}pipe {3}20 req\/s {3}batch 1 {3}request 1 ms/),
      expect.stringMatching(/^14:51:40 {2}triton-1:8002 {5}second .*loaded anew$/),
      expect.stringMatching(/^14:51:40 {2}triton-1:8002 {5}first /),
      expect.stringMatching(/^14:51:40 {2}triton-1:8002 {3}alone /),
      "14:51:40  client h1   12 answers   p50 1.5 ms   p99 9 ms   p99.9 1.2 s",
      "",
    ]);
  });

  test("at the end, is there one time", async () => {
    const file = stream({ columns: 80 });
    const sink = createTableSink({ stream: file, as: "end" });
    sink.write(pipeline);
    expect(file.text).toBe("");
    await sink.close();
    expect(file.text.split("\n")).toHaveLength(7);
  });
});

describe("figures", () => {
  test("have few digits and a unit", () => {
    expect(
      [0, 0.04, 3.12, 999.4, 999.6, 12_345, 999_600, 3.2e6, undefined, Number.NaN].map(averageFigure),
    ).toEqual(["0 µs", "0.04 µs", "3.1 µs", "999 µs", "1 ms", "12.3 ms", "1 s", "3.2 s", "–", "–"]);
    expect([0, 0.25, 12.34, 1234, 12_345, 2.5e6, 3e9].map(rateFigure)).toEqual([
      "0",
      "0.25",
      "12.3",
      "1234",
      "12.3 k",
      "2.5 M",
      "3 G",
    ]);
    expect([0.2, 1, 61, 200, 9000].map(durationFigure)).toEqual(["200 ms", "1 s", "61 s", "3 min", "3 h"]);
  });
});
