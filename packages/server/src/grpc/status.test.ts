import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { percentEncoded } from "./status.ts";

describe("a status in words", () => {
  it("is what a header can hold, and reads as it was", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 100 }), fc.nat(3), (text, spaces) => {
        const details = text + " ".repeat(spaces);
        const encoded = percentEncoded(details);
        expect(encoded).toMatch(/^[!-~]?$|^[!-~][ -~]*[!-~]$/);
        expect(decodeURIComponent(encoded)).toBe(details);
      }),
      { numRuns: 300 },
    );
  });

  it("stays as it is where it can", () => {
    expect(percentEncoded("no model 'a', no version 7")).toBe("no model 'a', no version 7");
    expect(percentEncoded("100% ")).toBe("100%25%20");
  });

  it("is cut to what peers take, also within a pair of surrogates", () => {
    expect(percentEncoded("x".repeat(5000))).toHaveLength(2000);
    expect(decodeURIComponent(percentEncoded(`${"x".repeat(1999)}😀`))).toBe(`${"x".repeat(1999)}\ufffd`);
  });
});
