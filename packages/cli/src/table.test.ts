import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { tableLines, wrapText } from "./table.ts";

describe("a table", () => {
  const columns = [{ head: "stage" }, { head: "gives" }, { head: "waits", numeric: true }];
  const rows = [
    ["read", "strain [1, 4096]", "–"],
    ["over-whiten", "whitened [2, 2048]", "2.25 s"],
  ];

  test("numbers stand at the right, all else at the left", () => {
    expect(tableLines(columns, rows, 80)).toEqual([
      "  stage         gives                 waits",
      "  read          strain [1, 4096]          –",
      "  over-whiten   whitened [2, 2048]   2.25 s",
    ]);
  });

  test("where it does not fit, each row becomes a list, and nothing is cut off", () => {
    expect(tableLines(columns, rows, 30)).toEqual([
      "  read",
      "    gives  strain [1, 4096]",
      "  over-whiten",
      "    gives  whitened [2, 2048]",
      "    waits  2.25 s",
    ]);
  });
});

describe("wrapped text", () => {
  test("keeps numbers and their units together", () => {
    expect(wrapText("waits up to 3 s and holds 4 MB", 14)).toEqual(["waits up to", "3 s and holds", "4 MB"]);
  });

  test("never exceeds its width, and loses nothing but blanks", () => {
    const words = fc.array(fc.string({ minLength: 1, maxLength: 40, unit: "grapheme-ascii" }), {
      minLength: 1,
    });
    fc.assert(
      fc.property(words, fc.integer({ min: 1, max: 60 }), (list, width) => {
        const text = list.join(" ");
        const lines = wrapText(text, width);
        expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
        expect(lines.join("").replaceAll(" ", "")).toBe(text.replaceAll(" ", ""));
      }),
      { numRuns: 200 },
    );
  });
});
