import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import * as h5wasm from "h5wasm/node";
import { beforeAll, describe, expect, it } from "vitest";
import { welch } from "./psd.ts";
import { averagePeriodograms, medianBias, medianInPlace } from "./psd-average.ts";

const shared =
  process.env["STRAINFLOW_SHARED"] ?? fileURLToPath(new URL("../../../../shared", import.meta.url));
const present = existsSync(`${shared}/fixtures`) || process.env["STRAINFLOW_REQUIRE"] === "all";

describe("medianInPlace", () => {
  it("equals the middle of the sorted values, for any count and with ties", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.integer({ min: 0, max: 5 }), fc.double({ noNaN: true, min: -1e9, max: 1e9 })), {
          minLength: 1,
          maxLength: 90,
        }),
        (values) => {
          const sorted = [...values].sort((a, b) => a - b);
          const upper = sorted[sorted.length >> 1]!;
          const lower = sorted[(sorted.length - 1) >> 1]!;
          expect(medianInPlace(Float64Array.from(values))).toBe((lower + upper) / 2);
        },
      ),
    );
  });
});

describe("averagePeriodograms", () => {
  it("takes the median of every bin, whatever their number and that of the rows", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 150 }),
        fc.nat(),
        (count, bins, seed) => {
          let state = seed | 1;
          const rows = Array.from({ length: count }, () =>
            Float64Array.from({ length: bins }, () => {
              state = (Math.imul(state, 1664525) + 1013904223) | 0;
              return (state >>> 20) / 7;
            }),
          );
          const psd = new Float64Array(bins);
          averagePeriodograms(rows, "median", psd);
          for (let k = 0; k < bins; k++) {
            const sorted = rows.map((row) => row[k]!).sort((a, b) => a - b);
            const middle = (sorted[count >> 1]! + sorted[(count - 1) >> 1]!) / 2;
            expect(psd[k]).toBe(middle * (1 / medianBias(count)));
          }
        },
      ),
      { numRuns: 80 },
    );
  });

  it("divides a median by its bias, which falls from 1 to ln 2", () => {
    expect(medianBias(1)).toBe(1);
    expect(medianBias(3)).toBeCloseTo(1 - 1 / 2 + 1 / 3, 15);
    expect(medianBias(100_001)).toBeCloseTo(Math.LN2, 4);
    const psd = new Float64Array(1);
    averagePeriodograms(
      [1, 9, 2].map((value) => Float64Array.of(value)),
      "median",
      psd,
    );
    expect(psd[0]).toBeCloseTo(2 / (5 / 6), 14);
  });
});

describe("welch", () => {
  it("gives white noise its variance: the density sums to it over frequency", () => {
    let state = 7;
    const noise = Float64Array.from({ length: 65_536 }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) | 0;
      return (state / 2 ** 31) * Math.sqrt(3);
    });
    for (const average of ["mean", "median"] as const) {
      const { values, deltaF, segments } = welch(noise, { sampleRate: 512, fftSize: 512, average });
      expect(deltaF).toBe(1);
      expect(segments).toBe(255);
      expect(values.reduce((sum, value) => sum + value, 0) * deltaF).toBeCloseTo(1, 1);
    }
  });

  it("does not see a constant when segments lose their mean, and sees it at bin 0 otherwise", () => {
    const flat = new Float64Array(100).fill(3);
    const options = { sampleRate: 10, fftSize: 20, taper: "boxcar", average: "mean" } as const;
    expect(Math.max(...welch(flat, options).values)).toBeLessThan(1e-20);
    const kept = welch(flat, { ...options, detrend: "none" }).values;
    expect(kept[0]).toBeCloseTo((9 * 20) / 10, 12);
  });

  it("refuses segments that do not fit, and tapers of another length", () => {
    const samples = new Float64Array(100);
    expect(() => welch(samples, { sampleRate: 10, fftSize: 101 })).toThrow(/fftSize is 101/);
    expect(() => welch(samples, { sampleRate: 10, fftSize: 20, overlapSize: 20 })).toThrow(/overlapSize/);
    expect(() => welch(samples, { sampleRate: 10, fftSize: 20, taper: new Float64Array(19) })).toThrow(
      /taper/,
    );
  });
});

describe.skipIf(!present)("welch against published implementations (needs ../shared/fixtures)", () => {
  beforeAll(async () => {
    await h5wasm.ready;
  });

  function numbers(file: h5wasm.File, path: string): Float64Array {
    const found = file.get(path);
    if (!(found instanceof h5wasm.Dataset)) throw new Error(`no dataset ${path}`);
    return Float64Array.from(found.value as ArrayLike<number>);
  }

  function worst(ours: Float64Array, theirs: Float64Array, from = 0): number {
    let largest = 0;
    for (let k = from; k < ours.length; k++) largest = Math.max(largest, Math.abs(ours[k]! / theirs[k]! - 1));
    return largest;
  }

  /**
   * Largest relative difference beyond the rounding that no double-precision transform escapes: 2^-53 of the loudest
   * amplitude lands in every bin, and the quietest ones lie ten orders of magnitude below it.
   */
  function worstBeyondRounding(ours: Float64Array, theirs: Float64Array): number {
    const loudest = Math.max(...theirs);
    return Math.max(
      ...ours.map((value, k) => Math.abs(value / theirs[k]! - 1) - 1.1e-16 * Math.sqrt(loudest / theirs[k]!)),
    );
  }

  it("equals ml4gw's SpectralDensity in all seven configurations, with its windows and with ours", () => {
    const file = new h5wasm.File(`${shared}/fixtures/spectral_density.h5`, "r");
    const x = numbers(file, "x");
    for (let k = 0; k < 7; k++) {
      const group = file.get(`psd/${k}`);
      if (!(group instanceof h5wasm.Dataset)) throw new Error(`no psd/${k}`);
      const { attrs } = group;
      const fftSize = Number(attrs["nperseg"]!.value);
      const options = {
        sampleRate: 512,
        fftSize,
        overlapSize: fftSize - Number(attrs["nstride"]!.value),
        average: attrs["average"]!.value === "mean" ? "mean" : "median",
        detrend: Number(attrs["fast"]!.value) === 1 ? "fast" : "exact",
      } as const;
      const window = numbers(file, `window/${k}`);
      const bins = fftSize / 2 + 1;
      const expected = numbers(file, `psd/${k}`);
      for (const channel of [0, 1]) {
        const samples = x.slice(channel * 12_288, (channel + 1) * 12_288);
        const theirs = expected.slice(channel * bins, (channel + 1) * bins);
        // The mean of a stretch ends up in the two lowest bins; there the reference is rounding noise.
        const from = options.detrend === "fast" ? 2 : 0;
        const stored = welch(samples, { ...options, taper: window, compatibility: "ml4gw" });
        expect(stored.segments).toBe(Number(attrs["num_segments"]!.value));
        expect(stored.deltaF).toBeCloseTo(Number(attrs["delta_f"]!.value), 12);
        expect(worst(stored.values, theirs, from), `psd/${k}`).toBeLessThan(2e-7);
        expect(worst(welch(samples, options).values, theirs, from), `psd/${k}`).toBeLessThan(5e-4);
      }
    }
    file.close();
  });

  it.each(["H1", "L1"])("equals pycbc's welch on conditioned %s strain", (ifo) => {
    const file = new h5wasm.File(`${shared}/fixtures/matched_filter/GW150914_${ifo}_pycbc.h5`, "r");
    const { values } = welch(numbers(file, "strain_conditioned"), {
      sampleRate: 2048,
      fftSize: 8192,
      taper: "hann-symmetric",
      detrend: "none",
    });
    const expected = numbers(file, "psd_welch");
    expect(worstBeyondRounding(values, expected)).toBeLessThan(3e-13);
    expect(worst(values, expected, 15 * 4)).toBeLessThan(1e-12);
    file.close();
  });

  it.each([
    ["H1", "H-H1_LOSC_4_V2-1126259446-32.hdf5"],
    ["L1", "L-L1_LOSC_4_V2-1126259446-32.hdf5"],
  ])("equals scipy's welch with a Blackman taper on raw %s strain", (ifo, name) => {
    const raw = new h5wasm.File(`${shared}/gwosc/${name}`, "r");
    const file = new h5wasm.File(`${shared}/fixtures/matched_filter/GW150914_${ifo}_raw4096.h5`, "r");
    const { values } = welch(numbers(raw, "strain/Strain"), {
      sampleRate: 4096,
      fftSize: 16_384,
      taper: "blackman-symmetric",
      average: "mean",
      detrend: "none",
    });
    expect(worstBeyondRounding(values, numbers(file, "psd"))).toBeLessThan(1e-12);
    raw.close();
    file.close();
  });
});
