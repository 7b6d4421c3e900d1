import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseMetrics } from "./parse-metrics.ts";
import { writeMetrics } from "./write-metrics.ts";

const plain = (text: string): unknown[] =>
  parseMetrics(text).samples.map(({ name, labels, value, timestampMs }) => [
    name,
    Object.fromEntries(labels),
    value,
    ...(timestampMs === undefined ? [] : [timestampMs]),
  ]);

describe("a page of metrics", () => {
  test("is read with any labels, in any order, with blanks and a comma at the end", () => {
    expect(
      plain(
        [
          'a{version="1",model="net"} 1',
          'a { model = "net" , version="1" , } 2',
          "b 3",
          "c{} 4",
          '\td{x="1"}\t5\t',
          '{"with.dots", x="1"} 6',
          'e{"with.dots"="1"} 7',
        ].join("\n"),
      ),
    ).toEqual([
      ["a", { version: "1", model: "net" }, 1],
      ["a", { version: "1", model: "net" }, 2],
      ["b", {}, 3],
      ["c", {}, 4],
      ["d", { x: "1" }, 5],
      ["with.dots", { x: "1" }, 6],
      ["e", { "with.dots": "1" }, 7],
    ]);
  });

  test("has escapes in labels: a brace, a quote or a newline in a model's name is part of it", () => {
    expect(plain('a{model="q\\"u} 9\\n\\\\",version="{,="} 1\r\n')).toEqual([
      ["a", { model: 'q"u} 9\n\\', version: "{,=" }, 1],
    ]);
  });

  test("has numbers as C++ and Go write them", () => {
    const values = ["1.5e+06", "+Inf", "-inf", "Nan", "NaN", ".5", "5.", "1e3", "0x10", "1_000", "٣"];
    const { samples, problemCount } = parseMetrics(values.map((value) => `a ${value}`).join("\n"));
    expect(samples.map(({ value }) => value)).toEqual([
      1.5e6,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      Number.NaN,
      Number.NaN,
      0.5,
      5,
      1000,
    ]);
    expect(problemCount).toBe(3);
  });

  test("has timestamps, exemplars, and comments of all kinds", () => {
    const text = [
      "# HELP a What\\nit is \\\\ counts",
      "# TYPE a counter",
      "# UNIT a seconds",
      "# just so",
      "#",
      "a 1 1763736700123",
      'a_bucket{le="+Inf"} 17 # {trace_id="KOO5"} 0.67 1520879607.789',
      "a_created 5 -62 # {} 1",
      "# EOF",
    ].join("\n");
    expect(plain(text)).toEqual([
      ["a", {}, 1, 1763736700123],
      ["a_bucket", { le: "+Inf" }, 17],
      ["a_created", {}, 5, -62],
    ]);
    expect(parseMetrics(text).families.get("a")).toEqual({
      name: "a",
      type: "counter",
      help: "What\nit is \\ counts",
    });
    expect(parseMetrics(text).problemCount).toBe(0);
  });

  test.each([
    ['a{x="1} 1', "quote is missing"],
    ['a{x="\\q"} 1', "escape"],
    ["a{x=1} 1", "without quotes"],
    ['a{x="1" y="2"} 1', "neither , nor }"],
    ['a{x="1",x="2"} 1', "a second time"],
    ["a{x} 1", "without a value"],
    ['{x="1"} 1', "no name"],
    ["a", "no value"],
    ["a one", "no number (one)"],
    ["a 1 soon", "timestamp"],
    ["a 1 2 3", "more than"],
    ["<html>", "no name"],
    ["# TYPE", "without a name"],
    ["# TYPE a", "without a type"],
  ])("tells of %s, and uses the rest", (line, why) => {
    const { samples, problems, problemCount } = parseMetrics(`before 1\n${line}\nafter 2\n`);
    expect(samples.map(({ name }) => name)).toEqual(["before", "after"]);
    expect(problemCount).toBe(1);
    expect(problems).toMatchObject([{ line: 2, text: line, why: expect.stringContaining(why) }]);
  });
});

describe("any text at all", () => {
  const pieces = fc.constantFrom(
    ...'ab:_{}=",\\n #+-1.eINF\n\r\t \u2028é',
    "# TYPE ",
    "# HELP ",
    'a{b="c"} 1\n',
  );
  const texts = fc.oneof(
    fc.string({ unit: "binary", maxLength: 300 }),
    fc.array(pieces, { maxLength: 80 }).map((parts) => parts.join("")),
  );

  test("is never thrown at: each line is a value, a comment, or a problem that is told", () => {
    fc.assert(
      fc.property(texts, (text) => {
        const { samples, problems, problemCount } = parseMetrics(text);
        const lines = text.split("\n").map((line) => line.trim());
        const values = lines.filter((line) => line !== "" && !line.startsWith("#")).length;
        const comments = lines.filter((line) => line.startsWith("#")).length;
        expect(samples.length + problemCount).toBeGreaterThanOrEqual(values);
        expect(samples.length + problemCount).toBeLessThanOrEqual(values + comments);
        expect(problems.length).toBe(Math.min(problemCount, 20));
        for (const { text: shown } of problems) expect(shown.length).toBeLessThanOrEqual(120);
      }),
      { numRuns: 1000 },
    );
  });

  test("that is long and bad is read in good time", () => {
    const hostile = `a${" ".repeat(200_000)}b\na{${'x="'.repeat(50_000)}\n${"a{".repeat(100_000)}`;
    expect(parseMetrics(hostile).problemCount).toBe(3);
  });
});

describe("what is written", () => {
  const names = fc.stringMatching(/^[a-zA-Z_:][a-zA-Z0-9_:]{0,8}$/);
  const labelNames = fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,8}$/);
  const values = fc.oneof(fc.double(), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, 0, 2 ** 53));
  const value = fc.record({
    labels: fc.dictionary(labelNames, fc.string({ unit: "binary" }), { maxKeys: 4, noNullPrototype: true }),
    value: values,
  });
  const families = fc.uniqueArray(
    fc.record({
      name: names,
      type: fc.constantFrom("counter", "gauge", "histogram", "summary"),
      help: fc.string().map((text) => text.trim()),
      values: fc.array(value, { minLength: 1, maxLength: 3 }),
    }),
    { selector: ({ name }) => name, maxLength: 4 },
  );

  test("is read as it was meant, whatever labels and values hold", () => {
    fc.assert(
      fc.property(families, (written) => {
        const read = parseMetrics(writeMetrics(written));
        expect(read.problems).toEqual([]);
        expect(
          read.samples.map(({ name, labels, value }) => [name, Object.fromEntries(labels), value]),
        ).toEqual(
          written.flatMap(({ name, values }) =>
            values.map(({ labels, value }) => [name, { ...labels }, Object.is(value, -0) ? 0 : value]),
          ),
        );
        for (const { name, type, help } of written)
          expect(read.families.get(name)).toEqual({ name, type, help });
      }),
      { numRuns: 300 },
    );
  });
});
