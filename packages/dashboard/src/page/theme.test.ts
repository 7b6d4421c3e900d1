import { describe, expect, it } from "vitest";
import { DARK, ifoColour, LIGHT } from "./theme.ts";
import { viridis } from "./viridis.ts";

/** Relative luminance, as WCAG 2.2 defines it. */
function luminance([red, green, blue]: readonly [number, number, number]): number {
  const linear = (value: number): number =>
    value <= 0.04045 * 255 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4;
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}

function rgb(hex: string): readonly [number, number, number] {
  const part = (at: number): number => Number.parseInt(hex.slice(at, at + 2), 16);
  return [part(1), part(3), part(5)];
}

function contrast(one: string, two: string): number {
  const [a, b] = [luminance(rgb(one)), luminance(rgb(two))];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

describe.each([
  ["light", LIGHT],
  ["dark", DARK],
] as const)("the %s theme", (_, theme) => {
  it("has only texts that can be read: 4.5 to 1, as WCAG asks", () => {
    for (const ground of [theme.background, theme.hover])
      for (const colour of [
        theme.ink,
        theme.muted,
        theme.accent,
        ...Object.values(theme.ifos),
        ...theme.others,
      ])
        expect(contrast(colour, ground), `${colour} on ${ground}`).toBeGreaterThanOrEqual(4.5);
  });

  it("gives every detector of a run its own colour, known or not", () => {
    const ifos = ["H1", "X1", "L1", "constructor", "V1", "K1"];
    expect(new Set(ifos.map((ifo) => ifoColour(theme, ifo, ifos))).size).toBe(ifos.length);
  });
});

describe("viridis", () => {
  it("grows lighter evenly", () => {
    const lightness = Array.from({ length: 101 }, (_, i) => {
      const y = luminance(viridis(i / 100));
      // CIE L*
      return y > 216 / 24389 ? 116 * Math.cbrt(y) - 16 : (24389 / 27) * y;
    });
    const steps = lightness.slice(1).map((value, i) => value - (lightness[i] ?? 0));
    const mean = (lightness[100]! - lightness[0]!) / 100;
    expect(mean).toBeGreaterThan(0.7);
    // Colours of 8 bits, twenty stops: no step stands out.
    for (const step of steps) expect(Math.abs(step - mean)).toBeLessThan(0.45);
  });

  it("ends at its ends", () => {
    expect(viridis(-1)).toEqual([0x44, 0x01, 0x54]);
    expect(viridis(2)).toEqual([0xfd, 0xe7, 0x25]);
  });
});
