import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { shifted } from "./frequency-series.ts";
import { innerProduct, match, overlap, sigma } from "./match.ts";
import { advancedLigoDesign, samplePsd } from "./psd-models.ts";
import { createWaveform, toFrequency, toTime } from "./waveform.ts";

const sampleRate = 2048;
const size = 8192;
const psd = samplePsd(advancedLigoDesign, { bins: size / 2 + 1, frequencyStep: sampleRate / size });
const wave = (mass1: number, mass2: number) =>
  createWaveform({ mass1, mass2, sampleRate, size, lowFrequency: 30 });
const weighting = { psd, lowFrequency: 30 };

describe("match", () => {
  const a = wave(39, 33);

  it("is 1 with itself, whatever the time, phase and scale, and tells them", () => {
    fc.assert(
      fc.property(
        fc.double({ min: -0.5, max: 0.5, noNaN: true }),
        fc.double({ min: -3, max: 3, noNaN: true }),
        fc.double({ min: 0.01, max: 100, noNaN: true }),
        (time, phase, scale) => {
          const found = match(shifted(a, time, phase, scale), a, weighting);
          expect(found.match).toBeCloseTo(1, 8);
          expect(found.time).toBeCloseTo(time, 6);
          // A phase is known as well as the time is, at the signal's own frequency.
          expect(Math.abs(Math.sin((found.phase - phase) / 2))).toBeLessThan(1e-3);
        },
      ),
      { numRuns: 25 },
    );
  });

  it("is symmetric, at most 1, and not less than the overlap", () => {
    const b = wave(45, 20);
    const there = match(a, b, weighting).match;
    expect(match(b, a, weighting).match).toBeCloseTo(there, 9);
    expect(there).toBeLessThan(1);
    expect(there).toBeGreaterThan(Math.abs(overlap(a, b, weighting)));
  });

  it("falls as masses move apart", () => {
    const matches = [34, 36, 40, 50].map((mass) => match(a, wave(mass, 33), weighting).match);
    expect(match(a, wave(39.2, 33), weighting).match).toBeGreaterThan(0.999);
    expect(matches[3]).toBeLessThan(matches[2]!);
    expect(matches[0]).toBeLessThan(matches[1]!);
  });

  it("has quadratures of equal loudness at right angles", () => {
    const b = shifted(a, 0, Math.PI / 2);
    expect(innerProduct(a, b, weighting).re / sigma(a, weighting) ** 2).toBeCloseTo(0, 9);
    expect(sigma(b, weighting) / sigma(a, weighting)).toBeCloseTo(1, 12);
  });

  it("measures an optimal SNR of 4∫|h|²/S, as summed by hand", () => {
    let sum = 0;
    for (let k = 120; k < size / 2; k++) sum += (4 * 0.25 * (a.re[k]! ** 2 + a.im[k]! ** 2)) / psd[k]!;
    expect(sigma(a, weighting)).toBeCloseTo(Math.sqrt(sum), 6);
  });

  it("refuses spectra of different grids", () => {
    const other = createWaveform({ mass1: 39, mass2: 33, sampleRate, size: 4096 });
    expect(() => match(a, other, weighting)).toThrow("on the grid");
  });
});

describe("waveforms in time", () => {
  it("go to time and back unchanged", () => {
    const a = wave(30, 20);
    const back = toFrequency(toTime(a, sampleRate).plus, sampleRate);
    const scale = Math.max(...a.re.map(Math.abs));
    expect(Math.max(...back.re.map((value, k) => Math.abs(value - a.re[k]!)))).toBeLessThan(1e-12 * scale);
    expect(Math.max(...back.im.map((value, k) => Math.abs(value - a.im[k]!)))).toBeLessThan(1e-12 * scale);
  });

  it("have the maximum of their amplitude at time 0, also between finer samples", () => {
    for (const rate of [8192, 16384]) {
      const { plus, cross } = toTime(
        createWaveform({ mass1: 39, mass2: 33, sampleRate: rate, size: 4 * rate }),
        rate,
      );
      const power = plus.map((value, n) => value ** 2 + cross[n]! ** 2);
      expect(power.indexOf(Math.max(...power))).toBe(0);
      // A parabola through the three topmost: its tip is where it should be, to a fiftieth of a sample.
      const [before, here, after] = [power.at(-1)!, power[0]!, power[1]!];
      expect(Math.abs((before - after) / (2 * (before - 2 * here + after)))).toBeLessThan(0.02);
    }
  });
});
