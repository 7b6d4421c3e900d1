import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeLine } from "./encode-line.ts";
import { encodeEnergy, encodeFloat32, encodeInt16 } from "./encode-samples.ts";
import { decodeSamples } from "./page/decode-samples.ts";
import { reduceSamples } from "./reduce-samples.ts";

const samples = fc
  .float32Array({ minLength: 1, maxLength: 300, noDefaultInfinity: true })
  .map((values) => values.map((value) => (Math.abs(value) > 1e30 ? 1 : value)));

function largest(values: Float32Array): number {
  return values.reduce((most, value) => Math.max(most, Number.isNaN(value) ? 0 : Math.abs(value)), 0);
}

describe("encoding of samples", () => {
  it("gives float32 back bit by bit", () => {
    fc.assert(
      fc.property(samples, (values) => {
        expect(decodeSamples(encodeFloat32(values))).toEqual(values);
      }),
    );
  });

  it("gives 16 bits back to half a step of the largest value, NaN as NaN", () => {
    fc.assert(
      fc.property(samples, (values) => {
        const back = decodeSamples(encodeInt16(values));
        const step = largest(values) / 32767;
        values.forEach((value, i) => {
          if (Number.isNaN(value)) expect(back[i]).toBeNaN();
          else expect(Math.abs((back[i] ?? Number.NaN) - value)).toBeLessThanOrEqual(0.51 * step + 1e-44);
        });
      }),
    );
  });

  it("keeps strain, small as it is", () => {
    const strain = Float32Array.of(1.25e-21, -3e-22, 0, 2.5e-19);
    const back = decodeSamples(encodeInt16(strain));
    strain.forEach((value, i) => expect(Math.abs((back[i] ?? 0) - value)).toBeLessThan(4e-24));
  });

  it("gives energies back to half a step of their square root", () => {
    const energy = Float32Array.from({ length: 500 }, (_, i) => (i * i) / 500);
    const back = decodeSamples(encodeEnergy(energy));
    energy.forEach((value, i) => {
      const off = Math.abs(Math.sqrt(back[i] ?? 0) - Math.sqrt(value));
      expect(off).toBeLessThanOrEqual((0.51 * Math.sqrt(largest(energy))) / 255);
    });
  });
});

describe("reduceSamples", () => {
  it("loses no peak and invents none, whatever the limit", () => {
    fc.assert(
      fc.property(samples, fc.integer({ min: 2, max: 400 }), (values, limit) => {
        const { low, high, binSize } = reduceSamples(values, values, limit);
        expect(binSize === 1 ? low.length : low.length + high.length).toBeLessThanOrEqual(limit);
        low.forEach((lowest, bin) => {
          const inBin = values
            .subarray(bin * binSize, (bin + 1) * binSize)
            .filter((value) => !Number.isNaN(value));
          if (inBin.length === 0) expect(lowest).toBeNaN();
          else {
            expect(lowest === Math.min(...inBin)).toBe(true);
            expect(high[bin] === Math.max(...inBin)).toBe(true);
          }
        });
      }),
    );
  });

  it("leaves a short line as it is", () => {
    const line = Float32Array.of(1, 2, 3);
    expect(reduceSamples(line, line, 3)).toEqual({ low: line, high: line, binSize: 1 });
  });
});

describe("encodeLine", () => {
  it("places the bins of a reduced line at the middle of their samples", () => {
    const values = Float32Array.from({ length: 100 }, (_, i) => i);
    const line = encodeLine(values, values, { start: 10, rate: 2, limit: 20 });
    expect(line.step).toBe(5);
    // Samples 0 to 9 lie at 10 to 14.5 s.
    expect(line.start).toBe(12.25);
    expect(line.high === undefined ? undefined : [...decodeSamples(line.high)].slice(0, 2)).toEqual([9, 19]);
  });

  it("keeps a plain line plain, and scales it", () => {
    const values = Float32Array.of(1e-21, -2e-21);
    const line = encodeLine(values, values, { start: 0, rate: 1, limit: 10, scale: 1e21 });
    expect(line.high).toBeUndefined();
    expect([...decodeSamples(line.low)].map((value) => Math.round(value * 1e4) / 1e4)).toEqual([1, -2]);
  });
});
