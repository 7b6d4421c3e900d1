import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { visibleGpus } from "./visible-gpus.ts";

describe("GPUs by index", () => {
  it("count among those that this process may use", () => {
    expect(visibleGpus([1, 2], "4,2,6")).toEqual(["2", "6"]);
    expect(visibleGpus([0], "GPU-8a1c, MIG-77f0")).toEqual(["GPU-8a1c"]);
    expect(visibleGpus([], "4,2,6")).toEqual([]);
  });

  it("are the machine's where all may be used", () => {
    expect(visibleGpus([0, 3], undefined)).toEqual(["0", "3"]);
  });

  it("are all that may be used where none are named", () => {
    expect(visibleGpus(undefined, undefined)).toBeUndefined();
    expect(visibleGpus(undefined, "4,2")).toEqual(["4", "2"]);
    expect(visibleGpus(undefined, "")).toEqual([]);
    expect(visibleGpus(undefined, "1,-1,2")).toEqual(["1"]);
  });

  it.each([
    [[2], "4,2", "below 2"],
    [[0], "", "below 0"],
    [[0], "NoDevFiles", "below 0"],
    [[-1], undefined, "at least 0"],
    [[0.5], undefined, "at least 0"],
    [[1, 1], "4,2", "different"],
  ])("%j of %j are refused", (gpus, visible, why) => {
    expect(() => visibleGpus(gpus, visible)).toThrow(why);
  });

  it("are each one of those that may be used, and different", () => {
    const devices = fc.uniqueArray(fc.nat(15), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(devices, fc.uniqueArray(fc.nat(7), { maxLength: 8 }), (visible, gpus) => {
        const inside = gpus.filter((gpu) => gpu < visible.length);
        const chosen = visibleGpus(inside, visible.join(",")) ?? [];
        expect(chosen.map(Number)).toEqual(inside.map((gpu) => visible[gpu]));
      }),
    );
  });
});
