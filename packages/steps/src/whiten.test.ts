import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as h5wasm from "h5wasm/node";
import { beforeAll, describe, expect, it } from "vitest";
import { createPreprocess } from "./preprocess.ts";
import { createBlockWhiten, whiten } from "./whiten.ts";
import { minimumPhaseTaps, whitenMinimumPhase } from "./whiten-minimum-phase.ts";
import { createInverseAsd, interpolateSpectrum } from "./whiten-spectrum.ts";

const shared = process.env.STRAINFLOW_SHARED ?? fileURLToPath(new URL("../../../../shared", import.meta.url));
const present = existsSync(`${shared}/fixtures`) || process.env.STRAINFLOW_REQUIRE === "all";

function noise(size: number, seed: number): Float64Array {
  let state = seed | 1;
  return Float64Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state / 2 ** 31) * Math.sqrt(3);
  });
}

function deviation(x: Float32Array): number {
  return Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / x.length);
}

describe("interpolateSpectrum", () => {
  it("keeps a straight line on the frequency grid, and shifts it by half a bin on the other", () => {
    const line = Float64Array.from({ length: 9 }, (_, k) => 10 + k);
    expect([...interpolateSpectrum(line, 17, "frequency")]).toEqual(
      Array.from({ length: 17 }, (_, k) => 10 + k / 2),
    );
    const shifted = interpolateSpectrum(line, 18, "half-sample");
    expect(shifted[0]).toBe(10);
    expect(shifted[3]).toBeCloseTo(10 + 1.25, 12);
    expect(shifted[17]).toBe(18);
  });
});

describe("whiten", () => {
  it("gives white noise of any size its variance of 1, and cuts half a filter at each end", () => {
    const x = noise(8192, 3).map((v) => v * 1e-21 + 5e-20);
    const psd = new Float64Array(129).fill((2 * 1e-42) / 512);
    const y = whiten(x, psd, { sampleRate: 512, filterLength: 1 });
    expect(y.length).toBe(8192 - 512);
    expect(deviation(y)).toBeCloseTo(1, 1);
    expect(whiten(x, psd, { sampleRate: 512, crop: false }).length).toBe(8192);
  });

  it("does not move a glitch, at zero phase; and answers it only afterwards, at minimum phase", () => {
    const x = noise(4096, 5).map((v) => v * 1e-3);
    x[2000]! += 1;
    const psd = Float64Array.from({ length: 257 }, (_, k) => 1e-6 * (1 + 100 / (1 + k)));
    const y = whiten(x, psd, { sampleRate: 512, crop: false, highpass: 10 });
    expect(y.reduce((best, v, n) => (Math.abs(v) > Math.abs(y[best]!) ? n : best), 0)).toBe(2000);
    const quiet = noise(4096, 5).map((v) => v * 1e-3);
    const options = { sampleRate: 512, crop: false, highpass: 10 };
    const struck = whitenMinimumPhase(x, psd, options);
    const before = whitenMinimumPhase(quiet, psd, options);
    for (let n = 0; n < 2000; n++) expect(Math.abs(struck[n]! - before[n]!)).toBeLessThan(1e-4);
    expect(Math.abs(struck[2000]! - before[2000]!)).toBeGreaterThan(1);
  });

  it("refuses a stretch that is shorter than its filter, and one of another size than planned", () => {
    const psd = new Float64Array(129).fill(1);
    expect(() => whiten(new Float64Array(512), psd, { sampleRate: 512 })).toThrow(/size is 512/);
    expect(() => whitenMinimumPhase(new Float64Array(512), psd, { sampleRate: 512 })).toThrow(/more than/);
    const planned = createBlockWhiten(1024, { sampleRate: 512 });
    expect(() => planned.whiten(new Float64Array(1000), psd)).toThrow(/1024, as planned/);
  });

  it("of a flat spectrum is one tap at minimum phase", () => {
    const taps = minimumPhaseTaps(new Float64Array(257).fill(2 / 512), { sampleRate: 512, highpass: 0 });
    expect(taps[0]).toBeGreaterThan(0.9);
  });
});

describe.skipIf(!present)("whitening against ml4gw and aframe (needs ../shared/fixtures)", () => {
  beforeAll(async () => {
    await h5wasm.ready;
  });

  function rows(file: h5wasm.File, path: string): Float64Array[] {
    const found = file.get(path);
    if (!(found instanceof h5wasm.Dataset)) throw new Error(`no dataset ${path}`);
    const flat = Float64Array.from(found.value as ArrayLike<number>);
    const width = found.shape!.at(-1)!;
    return Array.from({ length: flat.length / width }, (_, i) => flat.slice(i * width, (i + 1) * width));
  }

  function attribute(file: h5wasm.File, path: string, name: string): number | undefined {
    const found = file.get(path);
    if (!(found instanceof h5wasm.Group)) throw new Error(`no group ${path}`);
    const value = found.attrs[name]?.value;
    return value === "none" ? undefined : Number(value);
  }

  function worst(ours: ArrayLike<number>, theirs: ArrayLike<number>): number {
    expect(ours.length).toBe(theirs.length);
    let largest = 0;
    for (let n = 0; n < ours.length; n++) largest = Math.max(largest, Math.abs(ours[n]! - theirs[n]!));
    return largest;
  }

  it.each([0, 1, 2, 3])("Whiten and MinimumPhaseWhiten, configuration %i", (k) => {
    const file = new h5wasm.File(`${shared}/fixtures/whiten.h5`, "r");
    const group = `whiten/${k}`;
    const highpass = attribute(file, group, "highpass_hz");
    const lowpass = attribute(file, group, "lowpass_hz");
    const filterLength = attribute(file, group, "fduration_s")!;
    const options = {
      sampleRate: 512,
      filterLength,
      compatibility: "ml4gw",
      ...(highpass === undefined ? {} : { highpass }),
      ...(lowpass === undefined ? {} : { lowpass }),
    } as const;
    const psds = rows(file, "psd");
    const interpolated = rows(file, `${group}/psd_interpolated`);
    const truncated = rows(file, `${group}/psd_truncated`);
    psds.forEach((psd, channel) => {
      const ours = interpolateSpectrum(psd, 1537, "half-sample");
      expect(
        worst(
          ours.map((v, i) => v / interpolated[channel]![i]!),
          new Float64Array(1537).fill(1),
        ),
      ).toBeLessThan(1e-12);
      const amplitude = createInverseAsd({
        sampleRate: 512,
        bins: 1537,
        filterSize: filterLength * 512,
        highpass,
        lowpass,
      })(ours);
      // Only inside the pass band: outside it both are rounding noise.
      for (let i = Math.ceil((highpass ?? 0) * 6) + 1; i < Math.floor((lowpass ?? 256) * 6) - 1; i++)
        expect(Math.abs(1 / (2 * amplitude[i]! ** 2) / truncated[channel]![i]! - 1), `bin ${i}`).toBeLessThan(
          1e-8,
        );
    });
    const y = rows(file, `${group}/y`);
    const causal = rows(file, `${group}/y_minimum_phase`);
    rows(file, "x").forEach((x, i) => {
      const psd = psds[i % 2]!;
      expect(worst(whiten(x, psd, options), y[i]!)).toBeLessThan(1e-6);
      expect(worst(whitenMinimumPhase(x, psd, options), causal[i]!)).toBeLessThan(1e-6);
      if (k !== 1) return;
      const uncut = whiten(x, psd, { ...options, crop: false });
      const theirs = rows(file, `${group}/y_nocrop`)[i]!;
      // The spoilt ends reach 30: there float32 itself is coarser than 1e-6.
      uncut.forEach((value, n) => {
        expect(Math.abs(value - theirs[n]!)).toBeLessThan(1e-6 * Math.max(1, Math.abs(value)));
      });
    });
    file.close();
  });

  function chain(file: h5wasm.File, k: string, taper?: Float64Array): ReturnType<typeof createPreprocess> {
    const number = (name: string): number => attribute(file, k, name)!;
    return createPreprocess({
      sampleRate: number("sample_rate_hz"),
      kernelLength: number("kernel_length_s"),
      inferenceSamplingRate: number("inference_sampling_rate_hz"),
      batchSize: number("batch_size"),
      filterLength: number("fduration_s"),
      psdLength: number("psd_length_s"),
      fftLength: number("fftlength_s"),
      overlapLength: number("overlap_s"),
      highpass: attribute(file, k, "highpass_hz") ?? null,
      compatibility: "ml4gw",
      ...(taper === undefined ? {} : { taper }),
    });
  }

  it.each(["0", "1", "2"])("aframe's preprocessing, configuration %s, update by update", (k) => {
    const file = new h5wasm.File(`${shared}/fixtures/preprocessing_chain.h5`, "r");
    const step = chain(file, k);
    // Their taper to the last bit, where spectra are compared to more digits than float32 has.
    const exact = chain(file, k, rows(file, `${k}/psd_window`)[0]!);
    const channels = attribute(file, k, "num_channels")!;
    expect(step.stateSize).toBe(attribute(file, k, "state_size_samples"));
    expect(step.updateSize).toBe(attribute(file, k, "update_samples"));
    const updates = rows(file, `${k}/update`);
    const psds = rows(file, `${k}/psd`);
    const whitened = rows(file, `${k}/whitened`);
    const kernels = rows(file, `${k}/kernels`);
    const kernelsOf = [...rows(file, `${k}/kernels_update_index`)[0]!];
    const first = attribute(file, k, "first_update_without_initial_zeros")!;
    let state: Float64Array[] = Array.from({ length: channels }, () => new Float64Array(step.stateSize));
    let compared = 0;
    for (let u = 0; u * channels < updates.length; u++) {
      const window = state.map((x, channel) => Float64Array.of(...x, ...updates[u * channels + channel]!));
      state = step.nextState(window).map((x) => Float64Array.from(x));
      if (u < first) continue;
      const got = step.apply(window);
      const exactly = exact.apply(window);
      for (let channel = 0; channel < channels; channel++) {
        const theirs = psds[u * channels + channel]!;
        exactly.psds[channel]!.forEach((value, bin) => {
          if (bin >= 2)
            expect(Math.abs(value / theirs[bin]! - 1), `update ${u}, bin ${bin}`).toBeLessThan(2e-7);
        });
        expect(worst(exactly.whitened[channel]!, whitened[u * channels + channel]!)).toBeLessThan(1e-5);
        expect(worst(got.whitened[channel]!, whitened[u * channels + channel]!)).toBeLessThan(1e-4);
      }
      const at = kernelsOf.indexOf(u);
      if (at < 0) continue;
      const size = exactly.kernels.length / step.kernelSize;
      const theirs = kernels.slice(at * size, (at + 1) * size).flatMap((row) => [...row]);
      expect(worst(exactly.kernels, theirs)).toBeLessThan(1e-5);
      compared++;
    }
    expect(compared).toBeGreaterThan(0);
    file.close();
  });

  it("aframe's preprocessing with the PSD of a second row", () => {
    const file = new h5wasm.File(`${shared}/fixtures/preprocessing_chain.h5`, "r");
    const [background0, background1, injected0, injected1] = rows(file, "two_row/x");
    const { kernels } = chain(file, "0").apply([injected0!, injected1!], [background0!, background1!]);
    expect(
      worst(
        kernels,
        rows(file, "two_row/kernels").flatMap((row) => [...row]),
      ),
    ).toBeLessThan(1e-5);
    file.close();
  });
});
