import { createRealFft } from "@strainflow/fft";
import { type Block, endOf, type Tensor, timeSeries } from "@strainflow/series";
import { describe, expect, it } from "vitest";
import { createOverWhiten, type OverWhitenOptions } from "./over-whiten.ts";
import { channels, coloured } from "./testing/coloured-noise.ts";

const sampleRate = 512;

/** A whole stretch from sample 0 through a step of its own. */
function run(options: Partial<OverWhitenOptions>, data: readonly Float64Array[]): Block<"whitened">[] {
  const step = createOverWhiten({ sampleRate, channels, ...options });
  const block = timeSeries<"strain">({ quantity: "strain", start: 0, sampleRate, channels, data });
  return [...step.push(block), ...step.flush()];
}

/** The samples `[from, to)` of H1. */
function valuesAt(blocks: readonly Block[], from: number, to: number): Float64Array {
  const samples = new Float64Array(to - from).fill(Number.NaN);
  for (const block of blocks) {
    if (block.kind === "gap") continue;
    for (let n = Math.max(from, block.start); n < Math.min(to, endOf(block)); n++)
      samples[n - from] = block.data[0]![n - block.start]!;
  }
  return samples;
}

describe("createOverWhiten", () => {
  const seconds = 400;
  const data = [coloured(seconds * sampleRate, 11), coloured(seconds * sampleRate, 12)];
  const out = run({ psdStride: 4 }, data);

  it("gives a matched filter of unit variance in each quadrature", () => {
    // A broad-band template with its 90° companion, and z as the reference detector computes it.
    const size = sampleRate;
    const bins = size / 2 + 1;
    const re = new Float64Array(bins);
    const im = new Float64Array(bins);
    for (let k = 30; k < 220; k++) {
      const phase = 2 * Math.PI * (k * k * 0.0006 + (k * size) / 2 / size);
      re[k] = k ** (-7 / 6) * Math.cos(phase);
      im[k] = -(k ** (-7 / 6)) * Math.sin(phase);
    }
    const template = [new Float64Array(size), new Float64Array(size)] as const;
    const fft = createRealFft(size);
    fft.inverse(re, im, template[0]);
    fft.inverse(
      im.map((x) => -x),
      re,
      template[1],
    );
    const dt = 1 / sampleRate;
    for (const channel of [0, 1]) {
      let sum = 0;
      let count = 0;
      for (const block of out) {
        if (block.kind !== "series") continue;
        const inversePsd = tensorOf(block, "inverse_psd");
        expect(inversePsd.shape).toEqual([2, 257]);
        let sigma2 = 0;
        for (let k = 0; k < bins; k++)
          sigma2 += 4 * (re[k]! ** 2 + im[k]! ** 2) * dt * dt * Number(inversePsd.data[channel * 257 + k]!);
        // Only windows inside one block: each has one PSD, and one σ.
        const y = block.data[channel]!;
        for (let t = 0; t + size <= y.length; t += 32) {
          for (const h of template) {
            let z = 0;
            for (let n = 0; n < size; n++) z += h[n]! * y[t + n]!;
            sum += (2 * dt * z) ** 2 / sigma2;
            count++;
          }
        }
      }
      expect(count).toBeGreaterThan(6000);
      expect(
        Math.abs(Math.sqrt(sum / count) - 1),
        `standard deviation ${Math.sqrt(sum / count)}`,
      ).toBeLessThan(0.03);
    }
  });

  it("says exactly what it did: y is the data under the response it hands on", () => {
    // An impulse of 1e5 units on top of the data shows the filter itself.
    const at = 22 * sampleRate + 100;
    const struck = data.map((x) => {
      const copy = x.slice(0, 40 * sampleRate);
      copy[at]! += 1e-16;
      return copy;
    });
    const plain = data.map((x) => x.subarray(0, 40 * sampleRate));
    const options = { psdStride: 4, psdBins: 1025 };
    const unstruck = run(options, plain);
    const [a, b] = [run(options, struck), unstruck].map((blocks) => valuesAt(blocks, at - 512, at + 513));
    const size = 2048;
    const kernel = new Float64Array(size);
    for (let lag = -512; lag <= 512; lag++)
      kernel[(lag + size) % size] = (a![lag + 512]! - b![lag + 512]!) / 1e5;
    const re = new Float64Array(size / 2 + 1);
    createRealFft(size).forward(kernel, re, new Float64Array(size / 2 + 1));
    const block = unstruck.find(
      (candidate) => candidate.kind === "series" && candidate.start <= at && endOf(candidate) > at,
    );
    const inversePsd = tensorOf(block!, "inverse_psd").data;
    const largest = Math.max(...re);
    for (let k = 0; k < 1025; k++)
      expect(Math.abs(re[k]! - Number(inversePsd[k]!)), `bin ${k}`).toBeLessThan(1e-6 * largest);
  });

  it("never lets a block straddle two spectra", () => {
    const stride = 4 * sampleRate;
    for (const block of out) {
      if (block.kind === "series")
        expect(Math.floor(block.start / stride)).toBe(Math.floor((endOf(block) - 1) / stride));
    }
  });
});

function tensorOf(block: Block, name: string): Tensor & { readonly data: Float32Array } {
  const tensor = block.kind === "series" ? block.side?.[name] : undefined;
  if (tensor === undefined || !(tensor.data instanceof Float32Array)) throw new Error(`no tensor ${name}`);
  return { ...tensor, data: tensor.data };
}
