import { describe, expect, it } from "vitest";
import { binaryNumbers, chirpMass, chirpTime } from "./binary.ts";
import { createPhenomD } from "./phenom-d.ts";

describe("binaries", () => {
  it("has the chirp mass of equal masses, m/2^(1/5)", () => {
    expect(chirpMass(30, 30)).toBeCloseTo(30 / 2 ** 0.2, 12);
    expect(chirpMass(1.4, 1.4)).toBeCloseTo(1.21877, 4);
  });

  it("takes the leading-order time to coalesce at low frequency, and less spin-free corrections above", () => {
    const seconds = 60 * 4.92549e-6;
    const leading = ((5 * seconds) / (256 * 0.25)) * (Math.PI * seconds * 0.01) ** (-8 / 3);
    expect(chirpTime({ mass1: 30, mass2: 30 }, 0.01) / leading).toBeCloseTo(1, 1);
    expect(chirpTime({ mass1: 30, mass2: 30 }, 20)).toBeGreaterThan(chirpTime({ mass1: 30, mass2: 30 }, 30));
  });

  it("agrees with the slope of the waveform's phase: t(f) = −φ'(f)/2π is the time before the merger", () => {
    const binary = { mass1: 20, mass2: 15 };
    const { phase } = createPhenomD(binary);
    const slope = (phase(30.01) - phase(29.99)) / 0.02;
    expect(Math.abs(slope) / (2 * Math.PI)).toBeCloseTo(chirpTime(binary, 30), 1);
  });

  it("puts the heavier body first, its spin with it", () => {
    const { chi1, chi2, delta } = binaryNumbers("test", { mass1: 10, mass2: 30, spin1: 0.1, spin2: 0.5 });
    expect([chi1, chi2, delta]).toEqual([0.5, 0.1, 0.5]);
  });

  it.each([
    [{ mass1: 0, mass2: 1 }, "mass1"],
    [{ mass1: 1, mass2: Number.NaN }, "mass2"],
    [{ mass1: 1, mass2: 1, spin1: 1.5 }, "spin1"],
    [{ mass1: 100, mass2: 1 }, "mass1/mass2"],
  ])("refuses %o and names %s", (binary, option) => {
    expect(() => binaryNumbers("test", binary)).toThrow(option);
  });
});
