import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Block, SampleArray } from "@strainflow/series";
import fc from "fast-check";
import h5wasm, { Dataset, File, Group } from "h5wasm/node";
import { describe, expect, it } from "vitest";
import { createIntegrate, integrationSize } from "./index.ts";

const SHARED = process.env.STRAINFLOW_SHARED ?? fileURLToPath(new URL("../../../../shared", import.meta.url));
const PATH = `${SHARED}/fixtures/postprocess.h5`;
const present = existsSync(PATH) || process.env.STRAINFLOW_REQUIRE === "all";

const scores = (start: number, sampleRate: number, data: SampleArray): Block => ({
  kind: "series",
  quantity: "score",
  start,
  size: data.length,
  sampleRate,
  channels: ["score"],
  data: [data],
});

function valuesOf(blocks: readonly Block[]): number[] {
  return blocks.flatMap((block) =>
    block.kind === "gap" ? new Array<number>(block.size).fill(Number.NaN) : [...block.data[0]!],
  );
}

describe("createIntegrate", () => {
  it("is the mean of the newest ⌊rate · length⌋ + 1 inputs", () => {
    expect(integrationSize(4, 1)).toBe(5);
    expect(integrationSize(4, 0.9)).toBe(4);
    const step = createIntegrate({ sampleRate: 4, integrationLength: 0.5 });
    expect(valuesOf(step.push(scores(5, 4, Float64Array.of(3, 6, 9, 0, 0))))).toEqual([
      Number.NaN,
      Number.NaN,
      6,
      5,
      3,
    ]);
    expect(step.memory).toBe(2);
    expect(step.latency).toBe(0);
  });

  it("starts low under aframe's rules, and again after a gap", () => {
    const step = createIntegrate({ sampleRate: 4, integrationLength: 0.5, compatibility: "aframe" });
    expect(valuesOf(step.push(scores(5, 4, Float64Array.of(3, 6, 9, 0))))).toEqual([1, 3, 6, 5]);
    step.push({
      kind: "gap",
      quantity: "score",
      start: 9,
      size: 1,
      sampleRate: 4,
      channels: ["score"],
      reason: "lost",
    });
    expect(valuesOf(step.push(scores(10, 4, Float64Array.of(3))))).toEqual([1]);
  });

  it("agrees with the sum of each window, far from the epoch and near a huge value", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1e12 }),
        fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: 30, maxLength: 90 }),
        fc.integer({ min: 0, max: 20 }),
        (start, values, window) => {
          values[3] = 1e200;
          const step = createIntegrate({ sampleRate: 16, integrationLength: window / 16 });
          const given = valuesOf(step.push(scores(start, 16, Float64Array.from(values))));
          // The huge value is gone without a trace as soon as no window holds it.
          for (let k = 4 + window; k < values.length; k++) {
            let sum = 0;
            for (let i = k - window; i <= k; i++) sum += values[i]!;
            expect(Math.abs(given[k]! - sum / (window + 1))).toBeLessThan(1e-13);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it("holds a score that is not a number only while it is in the window", () => {
    const step = createIntegrate({ sampleRate: 2, integrationLength: 1 });
    const given = valuesOf(step.push(scores(0, 2, Float64Array.of(1, 2, 3, Number.NaN, 4, 5, 6, 7))));
    expect(given.map((x) => Number.isNaN(x))).toEqual([true, true, false, true, true, true, false, false]);
  });

  it("names the option that cannot be used", () => {
    expect(() => createIntegrate({ sampleRate: 4, integrationLength: -1 })).toThrow(
      /integrationLength is -1/,
    );
  });
});

describe.skipIf(!present)(
  "createIntegrate against aframe (needs ../shared/fixtures/postprocess.h5)",
  async () => {
    await h5wasm.ready;
    const file = present ? new File(PATH, "r") : undefined;

    for (let k = 0; k < 4; k++)
      it(`matches chain ${k}`, () => {
        const group = file?.get(`chain/${k}`);
        const y = file?.get(`chain/${k}/y`);
        const expected = file?.get(`chain/${k}/integrated`);
        if (!(group instanceof Group && y instanceof Dataset && expected instanceof Dataset))
          throw new Error(`no chain/${k}`);
        const sampleRate = Number(group.attrs.inference_sampling_rate_hz?.value);
        const integrationLength = Number(group.attrs.integration_window_length_s?.value);
        expect(integrationSize(sampleRate, integrationLength)).toBe(
          Number(group.attrs.integration_window_size?.value),
        );
        const { value } = y;
        const reference = expected.value;
        if (!(value instanceof Float64Array && reference instanceof Float64Array))
          throw new Error("float64 was expected");
        const kept = value.slice(Number(group.attrs.offset_samples?.value));
        const step = createIntegrate({ sampleRate, integrationLength, compatibility: "aframe" });
        const given = valuesOf(step.push(scores(1_262_304_000 * sampleRate, sampleRate, kept)));
        expect(given.length).toBe(reference.length);
        expect(Math.max(...given.map((x, i) => Math.abs(x - reference[i]!)))).toBeLessThan(1e-12);
      });
  },
);
