import { describe, expect, it } from "vitest";
import { fixed, gpsText, plain, powerOfTen, threeDigits, utcText } from "./text.ts";
import { secondTicks, utcTicks } from "./time-ticks.ts";

describe("numbers for people", () => {
  it("have real minus signs, and no minus zero", () => {
    expect(fixed(-4.24, 1)).toBe("−4.2");
    expect(fixed(-0.04, 1)).toBe("0.0");
    expect(fixed(Number.NaN, 1)).toBe("–");
  });

  it("have three digits", () => {
    expect([17.24, 0.01234, 123.6, 0, 4321, -0.5].map(threeDigits)).toEqual([
      "17.2",
      "0.0123",
      "124",
      "0",
      "4321",
      "−0.500",
    ]);
    expect(threeDigits(1.234e-21)).toBe("1.23 × 10⁻²¹");
    expect(powerOfTen(-19)).toBe("10⁻¹⁹");
  });

  it("are not given digits nobody chose", () => {
    expect([8, 8.5, 0.1 + 0.2, -1].map(plain)).toEqual(["8", "8.5", "0.3", "−1"]);
  });
});

describe("times", () => {
  it("are cut to the same millisecond in GPS and UTC", () => {
    const ns = 1126259462428999999n;
    expect(gpsText(ns)).toBe("1126259462.428");
    expect(utcText(ns, Date.UTC(2015, 8, 14, 9, 50, 45))).toBe("2015-09-14 09:50:45.428");
  });

  it("have as many decimals on an axis as its ticks are close", () => {
    expect(secondTicks([0, 50, 100])).toEqual(["0", "50", "100"]);
    expect(secondTicks([-0.25, 0, 0.25])).toEqual(["−0.25", "0.00", "0.25"]);
    expect(utcTicks([0, 20], Date.UTC(2015, 8, 14, 9, 50, 45))).toEqual(["09:50:45", "09:51:05"]);
    expect(utcTicks([0, 0.5], Date.UTC(2015, 8, 14, 9, 50, 45))).toEqual(["09:50:45.0", "09:50:45.5"]);
  });
});
