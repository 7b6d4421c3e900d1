import { createRealFft } from "@strainflow/fft";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createNoise } from "./noise.ts";
import { advancedLigoDesign, flatPsd, initialLigo } from "./psd-models.ts";

const START = 1_126_259_446 * 1024;
const options = { seed: 7, ifo: "H1", psd: advancedLigoDesign, sampleRate: 1024 };

/** Mean of Hann periodograms with half overlap, one-sided. */
function welch(samples: Float64Array, sampleRate: number, size: number): Float64Array {
  const fft = createRealFft(size);
  const window = Float64Array.from(
    { length: size },
    (_, n) => 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / size),
  );
  const power = window.reduce((sum, value) => sum + value * value, 0);
  const [re, im, mean] = [new Float64Array(fft.bins), new Float64Array(fft.bins), new Float64Array(fft.bins)];
  let segments = 0;
  for (let at = 0; at + size <= samples.length; at += size / 2, segments++) {
    fft.forward(
      window.map((value, n) => value * samples[at + n]!),
      re,
      im,
    );
    for (let k = 0; k < fft.bins; k++) mean[k]! += (2 * (re[k]! ** 2 + im[k]! ** 2)) / (sampleRate * power);
  }
  return mean.map((value) => value / segments);
}

describe("coloured noise", () => {
  it.each([
    ["advanced LIGO", advancedLigoDesign, 15],
    ["initial LIGO", initialLigo, 60],
    ["white noise", flatPsd(3e-46), 5],
  ] as const)("has the spectrum of %s, in every octave", (_name, psd, low) => {
    const sampleRate = 2048;
    const samples = createNoise({ seed: "spectrum", ifo: "L1", psd, sampleRate }).read(
      1e9 * sampleRate,
      256 * sampleRate,
    );
    const spectrum = welch(samples, sampleRate, 2 * sampleRate);
    for (let from = low; 2 * from < 1000; from *= 2) {
      const ratios: number[] = [];
      for (let k = 2 * from; k < 4 * from; k++) ratios.push(spectrum[k]! / psd(k / 2));
      ratios.sort((a, b) => a - b);
      // 511 segments, about 340 independent: a bin scatters by 5 %, the median of 30 and more bins by 1.5 %.
      expect(Math.abs(ratios[ratios.length >> 1]! - 1)).toBeLessThan(0.04);
    }
  });

  it("is Gaussian: moments of white noise, and as many beyond three sigma as there should be", () => {
    const samples = createNoise({ ...options, psd: flatPsd(2 / 1024) }).read(START, 200_000);
    const moment = (power: number): number =>
      samples.reduce((sum, x) => sum + x ** power, 0) / samples.length;
    expect(Math.abs(moment(1))).toBeLessThan(0.01);
    expect(moment(2)).toBeCloseTo(1, 1);
    expect(moment(4) / moment(2) ** 2).toBeCloseTo(3, 1);
    expect(samples.filter((x) => Math.abs(x) > 3).length / samples.length).toBeCloseTo(0.0027, 3);
  });

  it("gives the same bytes however it is cut, and wherever reading begins", () => {
    const whole = createNoise(options).read(START, 20_000);
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 7000 }), { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 0, max: 8000 }),
        (sizes, first) => {
          const noise = createNoise(options);
          let at = first;
          for (const size of sizes) {
            const length = Math.min(size, 20_000 - at);
            if (length <= 0) break;
            expect(noise.read(START + at, length)).toEqual(whole.subarray(at, at + length));
            at += length;
          }
        },
      ),
      { numRuns: 15 },
    );
  });

  it("has no seam where its inner blocks meet: neighbours differ there as much as anywhere", () => {
    const hop = 3 * 1024;
    const start = Math.ceil(START / hop) * hop;
    const samples = createNoise(options).read(start - hop, 60 * hop);
    const step = (n: number): number => Math.abs(samples[n]! - samples[n - 1]!);
    let seams = 0;
    let all = 0;
    for (let n = 1; n < samples.length; n++) all += step(n) / (samples.length - 1);
    for (let n = hop; n < samples.length; n += hop) seams += step(n) / 59;
    expect(seams / all).toBeGreaterThan(0.6);
    expect(seams / all).toBeLessThan(1.5);
  });

  it("is the same for the same seed and detector, and independent for any other", () => {
    const size = 8192;
    const base = createNoise(options).read(START, size);
    expect(createNoise({ ...options }).read(START, size)).toEqual(base);
    const correlation = (other: Float64Array): number => {
      const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, x, n) => sum + x * b[n]!, 0);
      return dot(base, other) / Math.sqrt(dot(base, base) * dot(other, other));
    };
    // Flat weighting of a red spectrum leaves few independent samples, so the bound is wide.
    expect(Math.abs(correlation(createNoise({ ...options, seed: 8 }).read(START, size)))).toBeLessThan(0.3);
    expect(Math.abs(correlation(createNoise({ ...options, ifo: "L1" }).read(START, size)))).toBeLessThan(0.3);
    expect(Math.abs(correlation(createNoise(options).read(START + 40 * 1024, size)))).toBeLessThan(0.3);
  });

  it("refuses a spectrum that is none", () => {
    expect(() => createNoise({ ...options, psd: () => Number.NaN })).toThrow("psd(0)");
    expect(() => createNoise({ ...options, filterLength: 0 })).toThrow("filterLength");
  });
});
