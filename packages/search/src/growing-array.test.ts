import fc from "fast-check";
import { expect, test } from "vitest";
import { createGrowingArray } from "./growing-array.ts";

test("holds what an array of numbers would, however it grows", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 900 }), { maxLength: 40 }), (steps) => {
      const growing = createGrowingArray((size) => new Float64Array(size), -1);
      const plain: number[] = [];
      steps.forEach((step, i) => {
        while (plain.length < step * (i % 5)) plain.push(-1);
        const values = growing.extend(step * (i % 5));
        expect(growing.size).toBe(plain.length);
        if (plain.length > 0) plain[plain.length - 1] = values[plain.length - 1] = i;
      });
      expect([...growing.result()]).toEqual(plain);
    }),
  );
});
