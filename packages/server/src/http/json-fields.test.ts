import { expect, it } from "vitest";
import { integerOf, numberOf, parseJson } from "./json-fields.ts";

it("whole numbers of any size are what they say, those that no type holds are refused at once", () => {
  expect(integerOf(parseJson("18446744073709551615"), "x", true)).toBe(2n ** 64n - 1n);
  expect(numberOf(parseJson(`1${"0".repeat(308)}`), "x")).toBe(1e308);
  expect(parseJson(`"${"9".repeat(1000)}"`)).toBe("9".repeat(1000));
  for (const text of [`1${"0".repeat(309)}`, `-${"9".repeat(309)}`, `[${"9".repeat(5_000_000)}]`])
    expect(() => parseJson(text)).toThrow(/Number too big to be stored in double/);
  expect(() => numberOf(parseJson("1e999"), "x")).toThrow(/Number too big to be stored in double/);
});
