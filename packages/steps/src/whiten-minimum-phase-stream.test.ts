import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as h5wasm from "h5wasm/node";
import { describe, expect, it } from "vitest";
import {
  createResample,
  createWhiten,
  createWhitenMinimumPhase,
  minimumPhaseTaps,
  type WhitenMinimumPhaseOptions,
  welch,
  whitenMinimumPhase,
} from "./index.ts";
import { channels, coloured, deviation, run, series, spell, values } from "./testing/coloured-noise.ts";

const rate = 128;
const origin = 1_126_259_446 * rate + 37;
const small = { sampleRate: rate, channels, psdLength: 6, fftLength: 2, filterLength: 1, highpass: 10 };

describe("createWhitenMinimumPhase", () => {
  it.each([
    [8, 1, 1, "median"],
    [8, 2, 1, "median"],
    [8, 2, 2, "median"],
    [14, 2, 1, "mean"],
    [30, 2.5, 1, "median"],
  ] as const)(
    "makes coloured noise of variance 1 with a PSD of %d s (FFT %d s, filter %d s, %s)",
    (psdLength, fftLength, filterLength, average) => {
      const sampleRate = 512;
      const data = [coloured(300 * sampleRate, 5), coloured(300 * sampleRate, 6)];
      const step = createWhitenMinimumPhase({
        sampleRate,
        channels,
        psdLength,
        fftLength,
        filterLength,
        average,
        latencyBlock: 128,
      });
      const out = run(step, [series(0, data, sampleRate)]);
      for (const channel of [0, 1]) {
        const std = deviation(values(out, channel));
        expect(Math.abs(std - 1), `std ${std}`).toBeLessThan(0.01);
      }
    },
  );

  it.each([1, 64])("equals the whole-block form under the same PSD, in blocks of %d", (latencyBlock) => {
    const x = coloured(24 * rate, 9);
    // One PSD-stride of 12 s: its PSD is that of the 6 s before it.
    const step = createWhitenMinimumPhase({
      ...small,
      channels: ["H1"],
      psdStride: 12,
      lowpass: 50,
      biasCorrection: false,
      latencyBlock,
    });
    const out = spell(run(step, [series(0, [x], rate)])).slice(12 * rate, 24 * rate);
    const psd = welch(x.subarray(6 * rate, 12 * rate), { sampleRate: rate, fftSize: 2 * rate });
    const options = { sampleRate: rate, filterLength: 1, highpass: 10, lowpass: 50, crop: false };
    const whole = whitenMinimumPhase(x, psd.values, options).subarray(12 * rate);
    expect(out.length).toBe(whole.length);
    out.forEach((said, n) => {
      expect(Math.abs(Number(said) - whole[n]!), `sample ${n}`).toBeLessThan(1e-6);
    });
  });

  it("gives the same by sums and by transforms", () => {
    const data = [coloured(30 * rate, 1), coloured(30 * rate, 2)];
    const [sums, transforms] = [1, 64].map((latencyBlock) =>
      values(run(createWhitenMinimumPhase({ ...small, latencyBlock }), [series(origin, data, rate)]), 0),
    );
    expect(sums!.length).toBe(transforms!.length);
    for (let n = 0; n < sums!.length; n++) expect(Math.abs(sums![n]! - transforms![n]!)).toBeLessThan(1e-6);
  });

  it("delays a signal by less than the zero-phase filter makes it wait, at every frequency that passes", () => {
    const sampleRate = 512;
    const psd = welch(coloured(64 * sampleRate, 3), { sampleRate, fftSize: sampleRate });
    const taps = minimumPhaseTaps(psd.values, { sampleRate, highpass: 25, lowpass: 224 });
    const zeroPhase = createWhiten({ sampleRate, channels }).latency;
    expect(createWhitenMinimumPhase({ sampleRate, channels }).latency).toBe(0);
    for (let f = 35; f < 214; f += 1) {
      // Group delay: Re Σ n·w·e^(−iωn) / Σ w·e^(−iωn).
      const omega = (2 * Math.PI * f) / sampleRate;
      let [re, im, nRe, nIm] = [0, 0, 0, 0];
      taps.forEach((tap, n) => {
        re += tap * Math.cos(omega * n);
        im -= tap * Math.sin(omega * n);
        nRe += n * tap * Math.cos(omega * n);
        nIm -= n * tap * Math.sin(omega * n);
      });
      const delay = (nRe * re + nIm * im) / (re * re + im * im);
      expect(Math.abs(delay), `${f} Hz`).toBeLessThan(zeroPhase / 4);
    }
  });

  it.each([
    [{ psdLength: 1 }, /psdLength/],
    [{ latencyBlock: 3 }, /latencyBlock/],
    [{ filterLength: 3 }, /filterLength/],
    [{ highpass: 60, lowpass: 50 }, /highpass/],
  ] as const)("refuses %o by name", (wrong: Partial<WhitenMinimumPhaseOptions>, message) => {
    expect(() => createWhitenMinimumPhase({ ...small, ...wrong })).toThrow(message);
  });

  it("refuses the state of another step", () => {
    const other = createWhiten(small);
    expect(() => createWhitenMinimumPhase(small).restore(other.save())).toThrow(/whiten-minimum-phase/);
  });
});

const shared = process.env.STRAINFLOW_SHARED ?? fileURLToPath(new URL("../../../../shared", import.meta.url));
const present = existsSync(`${shared}/gwosc`) || process.env.STRAINFLOW_REQUIRE === "all";

describe.skipIf(!present)("createWhitenMinimumPhase on real strain (needs ../shared/gwosc)", () => {
  it.each([["H-H1_LOSC_4_V2-1126259446-32.hdf5"], ["L-L1_LOSC_4_V2-1126259446-32.hdf5"]])(
    "gives %s variance 1, lines and all",
    async (name) => {
      await h5wasm.ready;
      const file = new h5wasm.File(`${shared}/gwosc/${name}`, "r");
      const strain = file.get("strain/Strain");
      if (!(strain instanceof h5wasm.Dataset)) throw new Error("no strain");
      const x = Float64Array.from(strain.value as ArrayLike<number>);
      file.close();
      const resample = createResample({ inputRate: 4096, outputRate: 2048, channels: ["H1"] });
      const block = series(1_126_259_446 * 4096, [x], 4096);
      const resampled = [...resample.push(block), ...resample.flush()];
      const step = createWhitenMinimumPhase({ sampleRate: 2048, channels: ["H1"], latencyBlock: 512 });
      const whitened = values(run(step, resampled), 0);
      expect(whitened.length / 2048).toBeGreaterThan(26);
      const std = deviation(whitened);
      expect(Math.abs(std - 1), `standard deviation ${std}`).toBeLessThan(0.05);
    },
  );
});
