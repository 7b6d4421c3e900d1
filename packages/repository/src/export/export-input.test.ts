import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkInputs, exportTypes, parseInputs } from "./export-input.ts";

describe("inputs of a network, as they are typed", () => {
  test("are read back whatever they are", () => {
    const dim = fc.oneof(fc.constant(-1), fc.integer({ min: 1, max: 9999 }));
    const input = fc.record({
      name: fc.stringMatching(/^[A-Za-z_][\w.]{0,8}$/),
      datatype: fc.constantFrom(...exportTypes),
      shape: fc.array(dim, { minLength: 1, maxLength: 4 }),
    });
    fc.assert(
      fc.property(
        fc.array(input, { minLength: 1, maxLength: 3 }),
        fc.constantFrom(",", ", "),
        (inputs, comma) => {
          const text = inputs.map(({ name, datatype, shape }) => `${name}:${datatype}[${shape}]`).join(comma);
          expect(parseInputs(text)).toEqual(inputs.map((one) => ({ ...one, sizes: one.shape })));
        },
      ),
    );
  });

  test("say which size to try for a free one", () => {
    expect(checkInputs("x", parseInputs("x[-1,2,-1@4096,-1]"))).toEqual([
      { name: "x", datatype: "FP32", shape: [-1, 2, -1, -1], sizes: [2, 2, 4096, 16] },
    ]);
  });

  test.each([
    "",
    "x",
    "x[]",
    "x[0]",
    "x[-2]",
    "x:FP8[1]",
    "x[1",
    "x[1]y[2]",
    "[1]",
    "x[1.5]",
    "x[1],,y[1]",
    "x:BYTES[1]",
  ])("%j is refused", (text) => {
    expect(() => checkInputs("x", parseInputs(text))).toThrow(
      expect.objectContaining({ tag: "invalid-option" }),
    );
  });

  test("have names that differ", () => {
    expect(() => checkInputs("x", parseInputs("x[1],x[2]"))).toThrow(/named, each differently/);
  });
});
