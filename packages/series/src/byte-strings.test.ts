import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { byteStringsSize, joinByteStrings, splitByteStrings } from "./byte-strings.ts";

const byteStrings = fc.array(fc.uint8Array({ maxLength: 9 }), { maxLength: 6 });

describe("byte strings", () => {
  it("have their length before them, little-endian", () => {
    const joined = joinByteStrings([Uint8Array.of(7, 8), new Uint8Array(0), new Uint8Array(258)]);
    expect([...joined.subarray(0, 14)]).toEqual([2, 0, 0, 0, 7, 8, 0, 0, 0, 0, 2, 1, 0, 0]);
  });

  it("come back as they went, wherever in memory they lie", () => {
    fc.assert(
      fc.property(byteStrings, fc.nat(5), (strings, offset) => {
        const joined = joinByteStrings(strings);
        expect(joined.byteLength).toBe(byteStringsSize(strings));
        const within = new Uint8Array(offset + joined.byteLength);
        within.set(joined, offset);
        expect(splitByteStrings(within.subarray(offset)).map((string) => [...string])).toEqual(
          strings.map((string) => [...string]),
        );
      }),
    );
  });

  it("are as many as are whole, and no more than were asked for", () => {
    fc.assert(
      fc.property(byteStrings, fc.nat(60), fc.nat(6), (strings, end, most) => {
        const cut = joinByteStrings(strings).subarray(0, end);
        const found = splitByteStrings(cut, most);
        const whole = strings.filter((_, i) => byteStringsSize(strings.slice(0, i + 1)) <= cut.byteLength);
        expect(found).toEqual(whole.slice(0, most));
        expect(byteStringsSize(found)).toBeLessThanOrEqual(cut.byteLength);
      }),
    );
  });
});
