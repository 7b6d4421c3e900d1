import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import h5wasm from "h5wasm/node";
import { describe, expect, it } from "vitest";
import { binaryNumbers } from "./binary.ts";
import { shifted } from "./frequency-series.ts";
import { match, overlap, sigma } from "./match.ts";
import { createPhenomD } from "./phenom-d.ts";
import { interpolatePsd } from "./psd-models.ts";
import { remnant } from "./remnant.ts";
import { createWaveform, toFrequency, toTime } from "./waveform.ts";

const shared = process.env.STRAINFLOW_SHARED ?? fileURLToPath(new URL("../../../../shared", import.meta.url));
const folder = `${shared}/fixtures/matched_filter`;
const present = existsSync(`${folder}/GW150914_template.h5`) || process.env.STRAINFLOW_REQUIRE === "all";

describe("IMRPhenomD", () => {
  it("has amplitude and phase without a jump or a kink where its regions meet", () => {
    for (const binary of [
      { mass1: 39, mass2: 33 },
      { mass1: 60, mass2: 12, spin1: 0.7, spin2: -0.4 },
      { mass1: 25, mass2: 25, spin1: -0.8, spin2: -0.8 },
    ]) {
      const { amplitude, phase } = createPhenomD(binary);
      const { massSeconds } = binaryNumbers("test", binary);
      const step = 1e-4 / massSeconds;
      for (let mf = 0.005; mf < 0.15; mf += 1e-4) {
        const f = mf / massSeconds;
        const bend = (g: (x: number) => number): number => g(f + step) - 2 * g(f) + g(f - step);
        expect(Math.abs(bend(amplitude) / amplitude(f))).toBeLessThan(3e-2);
        // 2π·Δt per step: the time of a frequency changes by less than 40 M per 1e-4 above Mf = 0.005.
        expect(Math.abs(bend(phase))).toBeLessThan(0.9 * (0.005 / mf) ** 3 + 0.02);
      }
    }
  });

  it("falls as f^(−7/6) in the early inspiral, scales with distance, and ends at Mf = 0.2", () => {
    const near = createPhenomD({ mass1: 10, mass2: 10 });
    expect(Math.log(near.amplitude(2) / near.amplitude(1)) / Math.log(2)).toBeCloseTo(-7 / 6, 1);
    const far = createPhenomD({ mass1: 10, mass2: 10, distance: 100 });
    expect(near.amplitude(50) / far.amplitude(50)).toBeCloseTo(100, 9);
    expect(near.amplitude(near.cutFrequency + 1)).toBe(0);
    expect(near.cutFrequency).toBeCloseTo(0.2 / (20 * 4.9254909e-6), 3);
  });

  it("leaves a hole of spin 0.69 and 95 % of the mass from equal masses without spin, 250 Hz for GW150914", () => {
    const hole = remnant(0.25, 0, 0, 0);
    expect(hole.spin).toBeCloseTo(0.686, 2);
    expect(hole.radiated).toBeCloseTo(0.0484, 3);
    const { massSeconds } = binaryNumbers("test", { mass1: 39, mass2: 33 });
    expect(hole.ringdown / massSeconds).toBeGreaterThan(240);
    expect(hole.ringdown / massSeconds).toBeLessThan(260);
    // Damping time of GW150914's remnant, some 4 ms.
    expect(massSeconds / (2 * Math.PI * hole.damping)).toBeCloseTo(0.004, 3);
  });

  it("gives a hole that does not spin the quasi-normal frequency of Schwarzschild, Mω = 0.37367 − 0.08896 i", () => {
    // With a test particle nothing is radiated and nothing spins up the hole.
    const hole = remnant(1e-9, 1, 0, 0);
    expect(2 * Math.PI * hole.ringdown).toBeCloseTo(0.37367, 4);
    expect(2 * Math.PI * hole.damping).toBeCloseTo(0.08896, 4);
  });

  it("refuses a distance that is none", () => {
    expect(() => createPhenomD({ mass1: 1, mass2: 1, distance: 0 })).toThrow("distance");
  });
});

describe.skipIf(!present)("IMRPhenomD against LALSimulation's (needs ../shared/fixtures)", () => {
  const read = (file: string, path: string): Float64Array => {
    const dataset = new h5wasm.File(`${folder}/${file}`, "r").get(path);
    if (!(dataset instanceof h5wasm.Dataset)) throw new Error(`${path} is no dataset of ${file}`);
    const { value } = dataset;
    if (!(value instanceof Float64Array)) throw new Error(`${path} of ${file} is not float64`);
    return value;
  };

  it("calls the same quadrature cross, with the same sign", async () => {
    await h5wasm.ready;
    const [plus, cross] = ["td/hplus", "td/hcross"].map((path) =>
      toFrequency(read("GW150914_template.h5", path), 2048),
    );
    const weighting = { psd: new Float64Array(plus!.re.length).fill(1e-46), lowFrequency: 30 };
    const turn = shifted(plus!, 0, -Math.PI / 2);
    expect(overlap(cross!, turn, weighting)).toBeGreaterThan(0.999);
    const own = toTime(createWaveform({ mass1: 38.9, mass2: 32.7, sampleRate: 2048, size: 32768 }), 2048);
    const ownTurn = shifted(toFrequency(own.plus, 2048), 0, -Math.PI / 2);
    expect(overlap(toFrequency(own.cross, 2048), ownTurn, weighting)).toBeGreaterThan(0.999);
  });

  it("matches GW150914's template to 1e-6 and its loudness to 1e-4, at the same masses", async () => {
    await h5wasm.ready;
    const reference = {
      re: read("GW150914_template.h5", "fd/hplus_re"),
      im: read("GW150914_template.h5", "fd/hplus_im"),
      frequencyStep: 1 / 32,
    };
    const psd = interpolatePsd(read("GW150914_H1_pycbc.h5", "psd_final"), {
      fromStep: 1 / 28,
      toStep: 1 / 32,
      bins: reference.re.length,
    });
    const own = createWaveform({ mass1: 38.9, mass2: 32.7, sampleRate: 2048, size: 65536 });
    for (const lowFrequency of [20, 30]) {
      expect(match(reference, own, { psd, lowFrequency }).match).toBeGreaterThan(1 - 1e-6);
      const loudness = sigma(own, { psd, lowFrequency }) / sigma(reference, { psd, lowFrequency });
      expect(Math.abs(loudness - 1)).toBeLessThan(1e-4);
    }
  });
});
