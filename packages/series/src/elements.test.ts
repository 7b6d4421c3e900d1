import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { castElements, viewElements, zeroElements } from "./elements.ts";
import { bfloat16Bits, float16Bits, fromBfloat16Bits, fromFloat16Bits } from "./half-precision.ts";
import { type Datatype, ELEMENT_SIZES, type NumericDatatype } from "./tensor.ts";

const PATTERNS = Uint16Array.from({ length: 65_536 }, (_, i) => i);

describe.each([
  ["FP16", float16Bits, fromFloat16Bits, 0x7c00],
  ["BF16", bfloat16Bits, fromBfloat16Bits, 0x7f80],
] as const)("%s", (_, toBits, fromBits, infinity) => {
  it("keeps every pattern on its way there and back, and every NaN a NaN", () => {
    const numbers = fromBits(PATTERNS);
    const again = toBits(numbers);
    for (const pattern of PATTERNS) {
      const isNone = (pattern & 0x7fff) > infinity;
      expect(Number.isNaN(numbers[pattern])).toBe(isNone);
      if (isNone) expect(again[pattern]! & 0x7fff).toBeGreaterThan(infinity);
      else if (again[pattern] !== pattern) expect([pattern, again[pattern]]).toEqual([pattern, pattern]);
    }
  });

  it("takes the nearest, and of two equally near the even one", () => {
    const finite = fromBits(PATTERNS.subarray(0, infinity));
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: infinity - 2 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (at, share) => {
          const [low, high] = [finite[at]!, finite[at + 1]!];
          const between = Math.fround(low + share * (high - low));
          const taken = toBits(Float32Array.of(between))[0]!;
          const [under, over] = [between - low, high - between];
          expect(taken).toBe(under < over ? at : over < under ? at + 1 : at + (at % 2));
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("FP16", () => {
  it("rounds a float64 once: not by way of float32", () => {
    // Just above the middle of 1 and its successor, which float32 would round down to the middle.
    expect([
      ...float16Bits(Float64Array.of(1 + 2 ** -11 + 2 ** -40, 65519.99, 65520, 2 ** -25, -(2 ** -26))),
    ]).toEqual([0x3c01, 0x7bff, 0x7c00, 0, 0x8000]);
  });
});

describe("elements", () => {
  const SAMPLES = Float32Array.of(0, 1, 2.5, 3);
  it.each<[Datatype, readonly (number | bigint)[]]>([
    ["BOOL", [0, 1, 1, 1]],
    ["UINT8", [0, 1, 2, 3]],
    ["INT8", [0, 1, 2, 3]],
    ["UINT16", [0, 1, 2, 3]],
    ["INT16", [0, 1, 2, 3]],
    ["UINT32", [0, 1, 2, 3]],
    ["INT32", [0, 1, 2, 3]],
    ["UINT64", [0n, 1n, 2n, 3n]],
    ["INT64", [0n, 1n, 2n, 3n]],
    ["FP32", [0, 1, 2.5, 3]],
    ["FP64", [0, 1, 2.5, 3]],
    ["FP16", [0, 0x3c00, 0x4100, 0x4200]],
    ["BF16", [0, 0x3f80, 0x4020, 0x4040]],
  ])("of %s are made from samples, and as zeros", (datatype, expected) => {
    const made = castElements(datatype, SAMPLES);
    expect([...made]).toEqual(expected);
    const zeros = zeroElements(datatype, 4);
    expect(zeros.constructor).toBe(made.constructor);
    expect([...zeros].every((zero) => Number(zero) === 0)).toBe(true);
  });

  it("of BYTES are not made from samples; as zeros they are empty", () => {
    expect(() => castElements("BYTES", SAMPLES)).toThrow(RangeError);
    expect(zeroElements("BYTES", 2)).toEqual([new Uint8Array(0), new Uint8Array(0)]);
  });
});

describe("elements of bytes", () => {
  const bytes = Uint8Array.from({ length: 27 }, (_, i) => i);

  const numeric = Object.keys(ELEMENT_SIZES).filter((name): name is NumericDatatype => name !== "BYTES");

  it.each(numeric)("of %s are of its array, whether or not they lie askew", (name) => {
    const size = ELEMENT_SIZES[name];
    for (const offset of [0, 1, 2, 4, 8]) {
      const view = viewElements(name, bytes.subarray(offset));
      expect(view.constructor).toBe(zeroElements(name, 0).constructor);
      expect(view.length).toBe(Math.floor((27 - offset) / size));
      expect([...new Uint8Array(view.buffer, view.byteOffset, view.byteLength)]).toEqual([
        ...bytes.subarray(offset, offset + view.length * size),
      ]);
      expect(view.buffer === bytes.buffer).toBe(offset % size === 0);
    }
  });
});
