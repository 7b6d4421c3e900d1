import { describe, expect, it } from "vitest";
import {
  advancedLigoDesign,
  flatPsd,
  interpolatePsd,
  psdModels,
  samplePsd,
  tabulatedPsd,
} from "./psd-models.ts";

describe("PSD models", () => {
  it.each(Object.entries(psdModels))("%s is positive and finite everywhere", (_name, model) => {
    for (let frequency = 0; frequency <= 8192; frequency += 3.7) {
      expect(model(frequency)).toBeGreaterThan(0);
      expect(model(frequency)).toBeLessThan(1e-35);
    }
  });

  // lalsimulation 6.2.1: SimNoisePSDaLIGOZeroDetHighPower (the curve that was fitted), …AdvVirgo, …KAGRA (the same fits).
  it.each([
    ["advanced-ligo", 30, 8.675833346985863e-47, 0.03],
    ["advanced-ligo", 50, 2.4758979023280866e-47, 0.03],
    ["advanced-ligo", 100, 1.5232930939569254e-47, 0.04],
    ["advanced-ligo", 300, 1.3109401658467904e-47, 0.11],
    ["advanced-ligo", 1000, 2.7315382749747427e-47, 0.07],
    ["advanced-virgo", 30, 3.832524169795657e-46, 1e-9],
    ["advanced-virgo", 300, 1.1478495865573967e-47, 1e-9],
    ["kagra", 30, 6.452402307155992e-46, 1e-9],
    ["kagra", 300, 1.7779960929852217e-47, 1e-9],
  ] as const)("%s at %f Hz is %e/Hz", (name, frequency, expected, tolerance) => {
    expect(Math.abs(psdModels[name](frequency) / expected - 1)).toBeLessThan(tolerance);
  });

  it("interpolates linearly, keeps what is on both grids, and holds the ends", () => {
    const psd = Float64Array.of(1, 3, 5, 11);
    expect([...interpolatePsd(psd, { fromStep: 1, toStep: 0.5, bins: 9 })]).toEqual([
      1, 2, 3, 4, 5, 8, 11, 11, 11,
    ]);
    expect(tabulatedPsd(psd, 2)(5)).toBe(8);
  });

  it("samples a model", () => {
    expect([...samplePsd(flatPsd(2), { bins: 3, frequencyStep: 1 })]).toEqual([2, 2, 2]);
    expect(samplePsd(advancedLigoDesign, { bins: 101, frequencyStep: 1 })[100]).toBe(advancedLigoDesign(100));
  });

  it("refuses what is no level and no table", () => {
    expect(() => flatPsd(0)).toThrow("level");
    expect(() => tabulatedPsd(new Float64Array(0), 1)).toThrow("psd");
  });
});
