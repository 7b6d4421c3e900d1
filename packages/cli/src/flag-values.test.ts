import { describe, expect, test } from "vitest";
import { flagValue } from "./flag-values.ts";

describe("values of flags", () => {
  test("GPS times are seconds or UTC", () => {
    expect(flagValue.gps("1126259462.5")).toBe(1126259462.5);
    expect(flagValue.gps("2015-09-14T09:50:45Z")).toBe(1126259462);
    expect(flagValue.gps("2015-09-14T09:50:45")).toBe(1126259462);
    expect(() => flagValue.gps("2015-19-14T09:50:45")).toThrow(/GPS seconds/);
  });

  test("ranges have two ends in order", () => {
    expect(flagValue.range("12,25")).toEqual([12, 25]);
    expect(flagValue.range("12:25")).toEqual([12, 25]);
    expect(flagValue.range("20")).toEqual([20, 20]);
    for (const wrong of ["25,12", "1,2,3", "a,b", ""]) expect(() => flagValue.range(wrong)).toThrow();
  });

  test("a speed is a number above 0, or max", () => {
    expect([flagValue.speed("max"), flagValue.speed("0.5")]).toEqual([Number.POSITIVE_INFINITY, 0.5]);
    for (const wrong of ["0", "-1", "fast", ""]) expect(() => flagValue.speed(wrong)).toThrow();
  });

  test.each([
    ["number", ["", " ", "x", "1e999"]],
    ["port", ["-1", "65536", "80.5", ""]],
    ["list", ["", "H1,", ",", "H1,,L1"]],
    ["fraction", ["-0.1", "1.1", "half"]],
  ] as const)("%s refuses what it cannot use", (kind, wrong) => {
    for (const text of wrong) expect(() => flagValue[kind](text), text).toThrow();
  });

  test("whole numbers have a least one", () => {
    expect(flagValue.whole(0)("0")).toBe(0);
    for (const wrong of ["0", "1.5", "1e3", "", "-2"])
      expect(() => flagValue.whole(1)(wrong), wrong).toThrow();
  });
});
