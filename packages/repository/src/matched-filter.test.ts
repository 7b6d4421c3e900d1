import fc from "fast-check";
import * as ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { buildMatchedFilter, type TemplateBank } from "./matched-filter.ts";

function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

function bankOf(seed: number, count: number, templateSize: number, strideSize: number): TemplateBank {
  const next = random(seed);
  const series = (): Float64Array => Float64Array.from({ length: templateSize }, () => 1e-21 * next());
  return {
    templates: Array.from({ length: count }, (_, t) => ({
      hc: series(),
      hs: series(),
      mass1: 30 + t,
      mass2: 20 + t,
    })),
    sampleRate: templateSize,
    templateSize,
    peakIndex: templateSize - 1 - strideSize,
  };
}

/** One window and one template, straight from the definition. */
function direct(
  window: Float32Array,
  inversePsd: Float32Array,
  template: TemplateBank["templates"][number],
  sampleRate: number,
): { readonly re: number[]; readonly im: number[] } {
  const dt = 1 / sampleRate;
  const size = 2 * (inversePsd.length - 1);
  const df = sampleRate / size;
  let variance = 0;
  for (let k = 0; k < inversePsd.length; k++) {
    let re = 0;
    let im = 0;
    for (const [n, h] of template.hc.entries()) {
      re += dt * h * Math.cos((2 * Math.PI * k * n) / size);
      im -= dt * h * Math.sin((2 * Math.PI * k * n) / size);
    }
    variance += 4 * (re * re + im * im) * inversePsd[k]! * df;
  }
  const sigma = Math.sqrt(variance);
  const lags = window.length - template.hc.length + 1;
  const correlate = (h: Float64Array): number[] =>
    Array.from(
      { length: lags },
      (_, s) => (2 * dt * h.reduce((sum, value, n) => sum + value * window[s + n]!, 0)) / sigma,
    );
  return { re: correlate(template.hc), im: correlate(template.hs) };
}

async function run(
  options: Parameters<typeof buildMatchedFilter>[0],
  kernel: Float32Array,
  inversePsd: Float32Array,
): Promise<{ readonly triggers: Float32Array; readonly quadratures: Float32Array }> {
  const bytes = buildMatchedFilter(options).files["1/model.onnx"];
  if (!(bytes instanceof Uint8Array)) throw new TypeError("a model is bytes");
  const session = await ort.InferenceSession.create(bytes, { intraOpNumThreads: 1 });
  const detectors = options.channels.length;
  const { triggers, quadratures } = await session.run({
    kernel: new ort.Tensor("float32", kernel, [
      options.batchSize,
      detectors,
      kernel.length / detectors / options.batchSize,
    ]),
    inverse_psd: new ort.Tensor("float32", inversePsd, [detectors, inversePsd.length / detectors]),
  });
  await session.release();
  if (!(triggers?.data instanceof Float32Array) || !(quadratures?.data instanceof Float32Array))
    throw new TypeError("outputs are FP32");
  return { triggers: triggers.data, quadratures: quadratures.data };
}

describe("the matched-filter model", () => {
  it("gives the peak, its lag and its phase, and the last lag's quadratures, as the definition does", async () => {
    const config = fc.record({
      seed: fc.nat(),
      templates: fc.integer({ min: 1, max: 5 }),
      detectors: fc.integer({ min: 1, max: 3 }),
      batchSize: fc.integer({ min: 1, max: 3 }),
      // No halving of the correlation, one, two and three.
      sizes: fc.constantFrom([48, 12], [64, 16], [96, 32], [128, 64], [25, 5]),
      bins: fc.constantFrom(undefined, 17, 65),
    });
    await fc.assert(
      fc.asyncProperty(config, async ({ seed, templates, detectors, batchSize, sizes, bins }) => {
        const [templateSize = 0, strideSize = 0] = sizes;
        if (templateSize % 2 === 1 && bins === undefined) return;
        const psdBins = bins ?? templateSize / 2 + 1;
        const bank = bankOf(seed, templates, templateSize, strideSize);
        const next = random(seed + 1);
        const kernelSize = templateSize + strideSize - 1;
        const kernel = Float32Array.from({ length: batchSize * detectors * kernelSize }, () => 1e3 * next());
        const inversePsd = Float32Array.from({ length: detectors * psdBins }, () => 1e4 * (1.5 + next()));
        const channels = Array.from({ length: detectors }, (_, d) => `X${d}`);
        const { triggers, quadratures } = await run(
          { bank, channels, batchSize, strideSize, ...(bins === undefined ? {} : { psdBins: bins }) },
          kernel,
          inversePsd,
        );
        let at = 0;
        for (let b = 0; b < batchSize; b++)
          for (let d = 0; d < detectors; d++)
            for (const template of bank.templates) {
              const from = (b * detectors + d) * kernelSize;
              const { re, im } = direct(
                kernel.subarray(from, from + kernelSize),
                inversePsd.subarray(d * psdBins, (d + 1) * psdBins),
                // The model works at unit norm; z does not depend on it.
                template,
                bank.sampleRate,
              );
              const snr = re.map((value, i) => Math.hypot(value, im[i]!));
              const largest = Math.max(...snr);
              const [rho = 0, lag = 0, phase = 0] = triggers.subarray(3 * at, 3 * at + 3);
              const within = 1e-5 * largest;
              expect(Math.abs(rho - largest)).toBeLessThan(within);
              expect(Math.abs(snr[lag]! - largest)).toBeLessThan(within);
              const turned = phase - Math.atan2(im[lag]!, re[lag]!);
              expect(Math.abs(Math.sin(turned / 2))).toBeLessThan(1e-4);
              expect(Math.abs(quadratures[2 * at]! - re.at(-1)!)).toBeLessThan(within);
              expect(Math.abs(quadratures[2 * at + 1]! - im.at(-1)!)).toBeLessThan(within);
              at++;
            }
        expect(triggers.length).toBe(3 * at);
      }),
      { numRuns: 25 },
    );
  });

  it("gives quadratures of unit deviation in noise of the PSD that it is told", async () => {
    const [templateSize, strideSize, batchSize] = [128, 32, 500];
    const bank = bankOf(3, 4, templateSize, strideSize);
    const next = random(11);
    // White noise of variance σ² has the one-sided density 2σ²/rate; the sum of twelve uniforms is nearly normal.
    const density = (2 * 4) / bank.sampleRate;
    const normal = (): number => Array.from({ length: 12 }, next).reduce((a, b) => a + b, 0) / 2;
    const kernel = Float32Array.from(
      { length: batchSize * (templateSize + strideSize - 1) },
      () => (2 * normal()) / density,
    );
    const inversePsd = new Float32Array(templateSize / 2 + 1).fill(1 / density);
    const { quadratures } = await run({ bank, channels: ["H1"], batchSize, strideSize }, kernel, inversePsd);
    const plus = quadratures.filter((_, i) => i % 2 === 0);
    const deviation = Math.sqrt(plus.reduce((sum, value) => sum + value * value, 0) / plus.length);
    expect(deviation).toBeGreaterThan(0.95);
    expect(deviation).toBeLessThan(1.05);
  });

  it("stays finite where there is no data and no PSD", async () => {
    const bank = bankOf(7, 2, 64, 16);
    const { triggers, quadratures } = await run(
      { bank, channels: ["H1"], batchSize: 1, strideSize: 16 },
      new Float32Array(79),
      new Float32Array(33),
    );
    expect([...triggers]).toEqual([0, 0, 0, 0, 0, 0]);
    expect([...quadratures]).toEqual([0, 0, 0, 0]);
  });

  it("refuses a bank whose peak is not one stride before the end", () => {
    const bank = { ...bankOf(7, 2, 64, 16), peakIndex: 63 };
    expect(() => buildMatchedFilter({ bank, channels: ["H1"], batchSize: 1, strideSize: 16 })).toThrow(
      /bank\.peakIndex is 63; it must be one stride before the template's end, 47/,
    );
  });

  it("names its templates in its configuration", () => {
    const { config } = buildMatchedFilter({
      bank: bankOf(7, 2, 64, 16),
      channels: ["H1"],
      batchSize: 1,
      strideSize: 16,
    });
    expect(JSON.parse(config.parameters["strainflow.templates"]?.stringValue ?? "")).toEqual([
      { mass1: 30, mass2: 20 },
      { mass1: 31, mass2: 21 },
    ]);
  });
});
