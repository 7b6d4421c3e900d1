import { expect, it } from "vitest";
import { jsonOfTensor } from "./json-tensors.ts";

it("writes floating numbers as Triton does: always as such, with their sign, and what JSON has no word for", () => {
  const bytes = new Uint8Array(
    Float64Array.of(-0, 0, 3, 1.5, 1e300, Number.NaN, -Number.POSITIVE_INFINITY).buffer,
  );
  expect(jsonOfTensor("FP64", bytes)).toEqual(["-0.0", "0.0", "3.0", "1.5", "1e+300", "NaN", "-Infinity"]);
});
