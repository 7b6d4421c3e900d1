import { describe, expect, test } from "vitest";
import { formatBytes, formatGps, formatRate, formatSeconds, formatUtc } from "./units.ts";

describe("units", () => {
  test("bytes in decimal prefixes", () => {
    expect([0, 999, 1000, 12_345, 8_060_879, 2.5e9].map(formatBytes)).toEqual([
      "0 B",
      "999 B",
      "1 kB",
      "12 kB",
      "8.1 MB",
      "2.5 GB",
    ]);
  });

  test("seconds with as many digits as say something", () => {
    expect([0, 2e-5, 0.0625, 0.5, 2.3456, 123.456].map(formatSeconds)).toEqual([
      "0 s",
      "20 µs",
      "63 ms",
      "0.5 s",
      "2.35 s",
      "123.5 s",
    ]);
    expect(formatSeconds(Number.POSITIVE_INFINITY)).toBe("without end");
  });

  test("rates and times", () => {
    expect([16, 0.5, 4.5714].map(formatRate)).toEqual(["16 /s", "0.5 /s", "4.6 /s"]);
    expect(formatGps(1126259446_250_000_000n)).toBe("1126259446.25");
    expect(formatGps(1_000_000_000_000_000_000n)).toBe("1000000000");
    expect(formatUtc(1126259462_000_000_000n)).toBe("2015-09-14 09:50:45 UTC");
  });
});
