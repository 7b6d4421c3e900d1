import { describe, expect, it } from "vitest";
import { defaultBankMasses } from "./bank-masses.ts";
import { fittingFactors } from "./fitting-factor.ts";
import { drawMasses } from "./mass-region.ts";
import { placeTemplates } from "./placement.ts";
import { createTemplate, createTemplateBank } from "./templates.ts";

const power = (hc: Float64Array, hs: Float64Array): Float64Array =>
  hc.map((value, n) => value ** 2 + hs[n]! ** 2);
const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, value, n) => sum + value * b[n]!, 0);

describe("template bank", () => {
  const bank = createTemplateBank();

  it("has 32 templates of a second, each greatest at one stride before its last sample", () => {
    expect(bank.templates).toHaveLength(32);
    expect(bank).toMatchObject({ sampleRate: 2048, templateSize: 2048, peakIndex: 1919 });
    for (const { hc, hs } of bank.templates) {
      expect(hc).toHaveLength(2048);
      const amplitude = power(hc, hs);
      expect(amplitude.indexOf(Math.max(...amplitude))).toBe(1919);
    }
  });

  it("has quadratures of equal norm, one, at right angles", () => {
    for (const { hc, hs } of bank.templates) {
      expect(dot(hc, hc)).toBeCloseTo(1, 12);
      expect(Math.abs(dot(hs, hs) - 1)).toBeLessThan(5e-3);
      expect(Math.abs(dot(hc, hs))).toBeLessThan(5e-3);
    }
  });

  it("turns from cosine to sine: where hc goes down through zero, hs is at its greatest", () => {
    const { hc, hs } = createTemplate({ mass1: 39, mass2: 33 });
    let crossings = 0;
    for (let n = 1500; n < 1900; n++)
      if (hc[n - 1]! > 0 && hc[n]! <= 0) {
        expect(hs[n]!).toBeGreaterThan(0);
        crossings++;
      }
    expect(crossings).toBeGreaterThan(5);
  });

  it("fades in, and has rung down at its end: nothing comes round from the other side", () => {
    for (const { hc, hs } of bank.templates) {
      const amplitude = power(hc, hs).map(Math.sqrt);
      const peak = amplitude[1919]!;
      for (const n of [0, 1, 2, 2045, 2046, 2047]) expect(amplitude[n]! / peak).toBeLessThan(2e-3);
      // After the merger there is only the ringdown, and it only dies.
      expect(amplitude[1919 + 60]! / peak).toBeLessThan(0.12);
      expect(amplitude[1919 + 100]! / peak).toBeLessThan(0.02);
    }
  });

  it("keeps the peak where it is told to, at other rates, sizes and strides", () => {
    for (const options of [
      { sampleRate: 4096, templateSize: 4096, strideSize: 512 },
      { sampleRate: 1024, templateSize: 1500 },
      { peakIndex: 1000 },
    ]) {
      const { templates, peakIndex, templateSize } = createTemplateBank({ ...options, count: 3 });
      expect(peakIndex).toBe(
        options.peakIndex ?? templateSize - 1 - (options.strideSize ?? options.sampleRate! / 16),
      );
      for (const { hc, hs } of templates) {
        const amplitude = power(hc, hs);
        expect(amplitude.indexOf(Math.max(...amplitude))).toBe(peakIndex);
      }
    }
  });

  it("is made of the binaries that are asked for", () => {
    expect(createTemplateBank({ masses: [{ mass1: 50, mass2: 20, spin1: 0.3 }] }).templates[0]).toMatchObject(
      {
        mass1: 50,
        mass2: 20,
        spin1: 0.3,
      },
    );
    expect(createTemplateBank({ count: 2 }).templates).toEqual(bank.templates.slice(0, 2));
    for (const { mass1, mass2 } of createTemplateBank({ minMass: 50, maxMass: 90 }).templates) {
      expect(mass1 + mass2).toBeGreaterThanOrEqual(50);
      expect(mass1 + mass2).toBeLessThanOrEqual(90);
    }
    expect(() => createTemplateBank({ count: 1000 })).toThrow("placeTemplates");
    expect(() => createTemplateBank({ minMass: 500 })).toThrow("masses");
    expect(() => createTemplateBank({ strideSize: 2048 })).toThrow("strideSize");
  });

  it("loses less than 3 % of the SNR of any binary in its region, at Advanced LIGO's design", () => {
    const signals = drawMasses({ count: 60, seed: "another" });
    const factors = fittingFactors(signals, defaultBankMasses);
    expect(Math.min(...factors)).toBeGreaterThan(0.97);
  });

  it("covers GW150914 to 1 %", () => {
    expect(fittingFactors([{ mass1: 38.9, mass2: 32.7 }], defaultBankMasses)[0]).toBeGreaterThan(0.99);
  });
});

describe("placement", () => {
  const options = { count: 6, candidates: 60, minMass: 60 };

  it("gives what it says: the least of the greatest matches, and it is good", () => {
    const { masses, minimalMatch } = placeTemplates(options);
    expect(masses).toHaveLength(6);
    expect(minimalMatch).toBeGreaterThan(0.95);
    const factors = fittingFactors(drawMasses({ minMass: 60, count: 20, seed: 5 }), masses, {
      sampleRate: 1024,
    });
    expect(Math.min(...factors)).toBeGreaterThan(minimalMatch - 0.03);
  });

  it("is the same each time, covers better with more, and refuses what cannot be", () => {
    expect(placeTemplates(options)).toEqual(placeTemplates(options));
    expect(placeTemplates({ ...options, count: 2 }).minimalMatch).toBeLessThan(
      placeTemplates(options).minimalMatch,
    );
    expect(() => placeTemplates({ count: 10, candidates: 5 })).toThrow("count");
    expect(() => drawMasses({ count: 1, minMass: 10, maxMass: 12, longest: 0.1 })).toThrow("longest");
  });
});
