import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Block, indexToSeconds } from "@strainflow/series";
import h5wasm, { Dataset, File, Group } from "h5wasm/node";
import { describe, expect, it } from "vitest";
import { createIntegrate, createOnlineSearch } from "./index.ts";

const SHARED = process.env.STRAINFLOW_SHARED ?? fileURLToPath(new URL("../../../../shared", import.meta.url));
const PATH = `${SHARED}/fixtures/online_output_buffer.h5`;
const present = existsSync(PATH) || process.env.STRAINFLOW_REQUIRE === "all";

const scores = (start: number, sampleRate: number, data: Float64Array | Float32Array): Block => ({
  kind: "series",
  quantity: "score",
  start,
  size: data.length,
  sampleRate,
  channels: ["score"],
  data: [data],
});

const options = { sampleRate: 4, updateSize: 4, integrationLength: 0, threshold: 3, refractoryLength: 2 };

describe("createOnlineSearch", () => {
  it("gives the loudest of an update that reaches the threshold", () => {
    const step = createOnlineSearch(options);
    expect(step.push(scores(0, 4, Float64Array.of(0, 5, 4, 0)))).toEqual([
      { kind: "event", index: 1, sampleRate: 4, statistic: 5, channel: "score" },
    ]);
    // 1.5 s later is still in the refractory period of 2 s, 2.25 s later is not.
    expect(step.push(scores(4, 4, Float64Array.of(0, 0, 0, 8, 0, 0, 0, 0)))).toEqual([]);
    expect(step.push(scores(12, 4, Float64Array.of(6, 0, 0, 0))).map((event) => event.index)).toEqual([12]);
  });

  it("waits for the next update while the score still rises, unless a gap comes", () => {
    const step = createOnlineSearch(options);
    expect(step.push(scores(0, 4, Float64Array.of(0, 0, 0, 4)))).toEqual([]);
    expect(step.push(scores(4, 4, Float64Array.of(0, 7, 0, 0))).map((event) => event.index)).toEqual([5]);
    const cut = createOnlineSearch(options);
    cut.push(scores(0, 4, Float64Array.of(0, 0, 0, 4)));
    const gap: Block = {
      kind: "gap",
      quantity: "score",
      start: 4,
      size: 3,
      sampleRate: 4,
      channels: ["score"],
      reason: "not-ready",
    };
    expect(cut.push(gap).map((event) => [event.index, event.statistic])).toEqual([[3, 4]]);
  });

  it("names the option that cannot be used", () => {
    expect(() => createOnlineSearch({ ...options, significanceRate: 3 })).toThrow(/significanceRate is 3/);
    expect(() => createOnlineSearch({ ...options, updateSize: 3, significanceRate: 2 })).toThrow(
      /updateSize is 3/,
    );
  });
});

describe.skipIf(!present)(
  "createOnlineSearch against aframe (needs ../shared/fixtures/online_output_buffer.h5)",
  async () => {
    await h5wasm.ready;
    const file = present ? new File(PATH, "r") : undefined;

    for (const k of ["0", "1", "2"]) {
      const group = (): Group => {
        const found = file?.get(k);
        if (!(found instanceof Group)) throw new Error(`no group ${k}`);
        return found;
      };
      const values = (name: string): Float32Array | Float64Array => {
        const dataset = group().get(name);
        const value = dataset instanceof Dataset ? dataset.value : undefined;
        if (!(value instanceof Float32Array || value instanceof Float64Array))
          throw new Error(`no floats in ${name}`);
        return value;
      };
      const attribute = (name: string): number => Number(group().attrs[name]?.value);

      it(`integrates as the output buffer does, configuration ${k}`, () => {
        const sampleRate = attribute("online_inference_rate_hz");
        const significanceRate = attribute("offline_inference_rate_hz");
        const integrationLength = attribute("integration_window_length_s");
        const update = values("update");
        const thinning = sampleRate / significanceRate;
        const thinned = update.filter((_, i) => i % thinning === thinning - 1);
        for (const [name, rate, input] of [
          ["timing", sampleRate, update],
          ["significance", significanceRate, thinned],
        ] as const) {
          const step = createIntegrate({ sampleRate: rate, integrationLength, compatibility: "aframe" });
          const [block] = step.push(scores(0, rate, input));
          const expected = values(name);
          if (block?.kind !== "series") throw new Error("aframe's form has no gaps");
          expect(block.size).toBe(expected.length);
          expect(Math.max(...block.data[0]!.map((x, i) => Math.abs(x - expected[i]!)))).toBeLessThan(2e-5);
        }
      });

      it(`finds the events of the search, configuration ${k}`, () => {
        const sampleRate = attribute("online_inference_rate_hz");
        const updateSize = attribute("update_size");
        const t0 = attribute("t0");
        const step = createOnlineSearch({
          sampleRate,
          updateSize,
          integrationLength: attribute("integration_window_length_s"),
          significanceRate: attribute("offline_inference_rate_hz"),
          threshold: attribute("threshold"),
          refractoryLength: attribute("refractory_period_s"),
        });
        const update = values("update");
        const rows = values("event");
        let found = 0;
        for (let u = 0; u * updateSize < update.length; u++) {
          const raw = update.subarray(u * updateSize, (u + 1) * updateSize);
          const events = step.push(scores(t0 * sampleRate + u * updateSize, sampleRate, raw));
          const [time, statistic] = rows.subarray(3 * u, 3 * u + 2);
          expect(events.length, `update ${u}`).toBe(Number.isNaN(time) ? 0 : 1);
          for (const event of events) {
            found++;
            expect(Math.abs(indexToSeconds(event.index, sampleRate) - time!)).toBeLessThan(5e-7);
            expect(Math.abs(event.statistic - statistic!)).toBeLessThan(2e-6);
          }
        }
        expect(found).toBe(3);
      });
    }
  },
);
