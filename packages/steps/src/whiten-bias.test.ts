import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Block, timeSeries } from "@strainflow/series";
import * as h5wasm from "h5wasm/node";
import { describe, expect, it } from "vitest";
import { createResample } from "./resample.ts";
import { channels, coloured, deviation, run, series, values } from "./testing/coloured-noise.ts";
import { whitenBias } from "./whiten-bias.ts";
import { createWhiten } from "./whiten-stream.ts";

describe("whitenBias", () => {
  const options = {
    sampleRate: 512,
    fftSize: 512,
    filterSize: 512,
    highpass: 25,
    lowpass: 224,
    hopSize: 256,
    average: "median",
    detrend: "exact",
  } as const;

  it("is the same every time, and falls as a PSD has more segments", () => {
    const few = whitenBias({ ...options, segments: 5 });
    const many = whitenBias({ ...options, segments: 63 });
    expect(whitenBias({ ...options, segments: 5 })).toEqual(few);
    expect(few.whitened).toBeLessThan(many.whitened);
    expect(few.overWhitened).toBeLessThan(many.overWhitened);
    expect(many.overWhitened).toBeGreaterThan(0.95);
    expect(many.overWhitened).toBeLessThan(1);
  });
});

describe("createWhiten", () => {
  it.each([
    [8, 2, "median"],
    [14, 2, "median"],
    [8, 1, "median"],
    [8, 2, "mean"],
    [30, 2.5, "median"],
  ] as const)(
    "makes coloured noise of variance 1 with a PSD of %d s (FFT %d s, %s)",
    (psdLength, fftLength, average) => {
      const sampleRate = 512;
      const data = [coloured(300 * sampleRate, 5), coloured(300 * sampleRate, 6)];
      const out = run(createWhiten({ sampleRate, channels, psdLength, fftLength, average }), [
        series(0, data, sampleRate),
      ]);
      for (const channel of [0, 1]) {
        const std = deviation(values(out, channel));
        expect(Math.abs(std - 1), `std ${std}`).toBeLessThan(0.01);
      }
      expect(
        out
          .filter((block) => block.kind === "series")
          .every((block) => block.data[0] instanceof Float32Array),
      ).toBe(true);
    },
  );

  it("shows the bias where it is asked not to correct it", () => {
    const sampleRate = 512;
    const data = [coloured(200 * sampleRate, 5), coloured(200 * sampleRate, 6)];
    const options = { sampleRate, channels, fftLength: 2, lowpass: 256, highpass: 0, biasCorrection: false };
    const std = deviation(values(run(createWhiten(options), [series(0, data, sampleRate)]), 0));
    expect(std).toBeGreaterThan(1.08);
    expect(std).toBeLessThan(1.15);
  });
});

const shared = process.env.STRAINFLOW_SHARED ?? fileURLToPath(new URL("../../../../shared", import.meta.url));
const present = existsSync(`${shared}/gwosc`) || process.env.STRAINFLOW_REQUIRE === "all";

describe.skipIf(!present)("createWhiten on real strain (needs ../shared/gwosc)", () => {
  it.each([["H-H1_LOSC_4_V2-1126259446-32.hdf5"], ["L-L1_LOSC_4_V2-1126259446-32.hdf5"]])(
    "gives %s variance 1, lines and all",
    async (name) => {
      await h5wasm.ready;
      const file = new h5wasm.File(`${shared}/gwosc/${name}`, "r");
      const strain = file.get("strain/Strain");
      if (!(strain instanceof h5wasm.Dataset)) throw new Error("no strain");
      const x = Float64Array.from(strain.value as ArrayLike<number>);
      file.close();
      const resample = createResample({ inputRate: 4096, outputRate: 2048, channels: ["X1"] });
      const block: Block<"strain"> = timeSeries({
        quantity: "strain",
        start: 1_126_259_446 * 4096,
        sampleRate: 4096,
        channels: ["X1"],
        data: [x],
      });
      const resampled = [...resample.push(block), ...resample.flush()];
      const out = run(createWhiten({ sampleRate: 2048, channels: ["X1"] }), resampled);
      const whitened = values(out, 0);
      expect(whitened.length / 2048).toBeGreaterThan(26);
      const std = deviation(whitened);
      expect(Math.abs(std - 1), `standard deviation ${std}`).toBeLessThan(0.03);
    },
  );
});
