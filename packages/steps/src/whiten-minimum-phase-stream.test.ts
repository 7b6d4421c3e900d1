import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Block, endOf, type Step, timeSeries } from "@strainflow/series";
import fc from "fast-check";
import * as h5wasm from "h5wasm/node";
import { describe, expect, it } from "vitest";
import {
  createResample,
  createWhiten,
  createWhitenMinimumPhase,
  minimumPhaseTaps,
  type WhitenMinimumPhaseOptions,
  welch,
  whitenMinimumPhase,
} from "./index.ts";

const channels = ["H1", "L1"];

/** Seeded normal noise. */
function normal(seed: number): () => number {
  let state = seed | 1;
  const uniform = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state / 4294967296 + 0.5;
  };
  return () => Math.sqrt(-2 * Math.log(uniform() + 1e-12)) * Math.cos(2 * Math.PI * uniform());
}

/** Noise whose spectrum falls by two orders of magnitude, of the size of strain. */
function coloured(size: number, seed: number): Float64Array {
  const draw = normal(seed);
  let a = 0;
  let b = 0;
  return Float64Array.from({ length: size }, () => {
    const white = draw();
    a = 0.9 * a + white;
    b = 0.5 * b + 0.3 * a + white;
    return b * 1e-22;
  });
}

function series(start: number, data: readonly Float64Array[], sampleRate: number): Block<"strain"> {
  return timeSeries({
    quantity: "strain",
    start,
    sampleRate,
    channels: channels.slice(0, data.length),
    data,
  });
}

interface Piece {
  readonly size: number;
  readonly gap: boolean;
}

/** Cuts data into blocks; where a piece is a gap, the data are withheld. */
function cut(start: number, data: readonly Float64Array[], pieces: readonly Piece[]): Block<"strain">[] {
  let at = 0;
  return pieces.map(({ size, gap }) => {
    const from = at;
    at += size;
    if (!gap)
      return series(
        start + from,
        data.map((samples) => samples.subarray(from, at)),
        rate,
      );
    const place = { start: start + from, size, sampleRate: rate, channels };
    return { kind: "gap", quantity: "strain", ...place, reason: "missing" };
  });
}

function run(step: Step<Block<"strain">, Block<"whitened">>, blocks: readonly Block<"strain">[]): Block[] {
  return [...blocks.flatMap((block) => step.push(block)), ...step.flush()];
}

/** Sample by sample: the values of the channels, or the reason of the gap. */
function spell(blocks: readonly Block[]): string[] {
  const said: string[] = [];
  for (const block of blocks) {
    if (said.length > 0) expect(block.start).toBe(blocks[0]!.start + said.length);
    for (let n = 0; n < block.size; n++)
      said.push(block.kind === "gap" ? block.reason : block.data.map((values) => values[n]).join(" "));
  }
  return said;
}

function values(blocks: readonly Block[], channel: number): Float64Array {
  return Float64Array.from(
    blocks.flatMap((block) => (block.kind === "series" ? [...block.data[channel]!] : [])),
  );
}

function deviation(samples: ArrayLike<number>): number {
  let sum = 0;
  for (let n = 0; n < samples.length; n++) sum += samples[n]! ** 2;
  return Math.sqrt(sum / samples.length);
}

const rate = 128;
const origin = 1_126_259_446 * rate + 37;
const small = { sampleRate: rate, channels, psdLength: 6, fftLength: 2, filterLength: 1, highpass: 10 };
const past = rate - 1;

// One block size for each way of filtering, and one for the default.
describe.each([
  ["no latency", {}, 1],
  ["small blocks", { latencyBlock: 8 }, 8],
  ["blocks by transform", { latencyBlock: 64 }, 64],
] as const)("createWhitenMinimumPhase with %s", (_, latency, blockSize) => {
  const create = (): Step<Block<"strain">, Block<"whitened">> =>
    createWhitenMinimumPhase({ ...small, ...latency });
  const data = [coloured(30 * rate, 1), coloured(30 * rate, 2)];
  const stream = fc
    .array(fc.record({ size: fc.integer({ min: 1, max: 320 }), gap: fc.boolean() }), {
      minLength: 2,
      maxLength: 12,
    })
    .map((all) =>
      cut(
        origin,
        data,
        all.map(({ size, gap }, i) => ({ size, gap: gap && i % 4 === 3 })),
      ),
    );

  it("gives the same bytes for any chunking, gaps included", () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(stream, sizes, (whole, cuts) => {
        const recut = whole.flatMap((block) => {
          const parts: Piece[] = [];
          for (let at = 0, i = 0; at < block.size; i++) {
            const size = Math.min(cuts[i % cuts.length]!, block.size - at);
            parts.push({ size, gap: block.kind === "gap" });
            at += size;
          }
          return cut(
            block.start,
            block.kind === "gap" ? [] : block.data.map((x) => Float64Array.from(x)),
            parts,
          );
        });
        expect(spell(run(create(), recut))).toEqual(spell(run(create(), whole)));
      }),
      { numRuns: 20 },
    );
  });

  it("goes on from a state saved after any block as if nothing had happened", () => {
    fc.assert(
      fc.property(stream, (blocks) => {
        let step = create();
        const out: Block[] = [];
        for (const block of blocks) {
          out.push(...step.push(block));
          const saved = structuredClone(step.save());
          step.flush();
          step = create();
          step.restore(saved);
        }
        out.push(...step.flush());
        expect(spell(out)).toEqual(spell(run(create(), blocks)));
      }),
      { numRuns: 20 },
    );
  });

  it("depends on where the stream began no longer than its memory", () => {
    const whole = spell(run(create(), [series(origin, data, rate)]));
    const late = 700;
    const rest = data.map((x) => x.subarray(late));
    const cutOff = spell(run(create(), [series(origin + late, rest, rate)]));
    const memory = Number(create().memory);
    expect(memory).toBe(6 * rate + rate + past);
    expect(whole.length).toBeGreaterThan(late + memory + 1000);
    expect(cutOff.slice(memory)).toEqual(whole.slice(late + memory));
  });

  it("covers time without a hole, no later than its latency, and loses no more than that at the end", () => {
    const step = create();
    expect(step.latency).toBe(blockSize - 1);
    let covered = origin;
    for (let at = 0; at < data[0]!.length; at += 96) {
      const part = data.map((x) => x.subarray(at, at + 96));
      for (const block of step.push(series(origin + at, part, rate))) {
        expect(block.start).toBe(covered);
        covered = endOf(block);
      }
      expect(covered).toBeGreaterThanOrEqual(origin + at + 96 - step.latency);
    }
    const rest = step.flush();
    expect(endOf(rest.at(-1) ?? { start: covered, size: 0 })).toBe(origin + data[0]!.length);
    expect(rest.every((block) => block.kind === "series")).toBe(true);
  });

  it("loses a gap and one filter after it, and nothing before it", () => {
    const gapAt = 15 * rate + 5;
    const blocks = cut(origin, data, [
      { size: gapAt, gap: false },
      { size: 10, gap: true },
      { size: 15 * rate - 15, gap: false },
    ]);
    const said = spell(run(create(), blocks));
    expect(said.length).toBe(30 * rate);
    for (let n = 10 * rate; n < 30 * rate; n++) {
      const inside = n >= gapAt && n < gapAt + 10;
      const after = n >= gapAt + 10 && n < gapAt + 10 + past;
      if (inside) expect(said[n], `sample ${n}`).toBe("missing");
      else if (after) expect(said[n], `sample ${n}`).toBe("spoiled");
      else expect(Number.isFinite(Number(said[n]!.split(" ")[0])), `sample ${n}`).toBe(true);
    }
  });

  it("knows nothing of what comes later, and the very sample of what comes now", () => {
    const at = 20 * rate + 21;
    const struck = data.map((x) => x.slice());
    struck[0]![at]! += 1e-19;
    const quiet = run(create(), [series(origin, data, rate)]);
    const loud = run(create(), [series(origin, struck, rate)]);
    const before = values(quiet, 0);
    const difference = values(loud, 0).map((value, n) => Math.abs(value - before[n]!));
    const first = spell(quiet).findIndex((said) => said.includes("."));
    // Transforms leave rounding noise before it, of a glitch of some hundreds.
    expect(Math.max(...difference.subarray(0, at - first))).toBeLessThan(blockSize < 32 ? 1e-300 : 1e-3);
    expect(difference[at - first]).toBeGreaterThan(100);
  });

  it("answers a dead channel with a gap that names it", () => {
    const dead = [data[0]!, new Float64Array(data[0]!.length)];
    const blocks = run(create(), [series(origin, dead, rate)]);
    expect(blocks.some((block) => block.kind === "series")).toBe(false);
    expect(blocks.some((block) => block.kind === "gap" && block.detail?.includes("L1"))).toBe(true);
  });
});

describe("createWhitenMinimumPhase", () => {
  it.each([
    [8, 1, 1, "median"],
    [8, 2, 1, "median"],
    [8, 2, 2, "median"],
    [14, 2, 1, "mean"],
    [30, 2.5, 1, "median"],
  ] as const)(
    "makes coloured noise of variance 1 with a PSD of %d s (FFT %d s, filter %d s, %s)",
    (psdLength, fftLength, filterLength, average) => {
      const sampleRate = 512;
      const data = [coloured(300 * sampleRate, 5), coloured(300 * sampleRate, 6)];
      const step = createWhitenMinimumPhase({
        sampleRate,
        channels,
        psdLength,
        fftLength,
        filterLength,
        average,
        latencyBlock: 128,
      });
      const out = run(step, [series(0, data, sampleRate)]);
      for (const channel of [0, 1]) {
        const std = deviation(values(out, channel));
        expect(Math.abs(std - 1), `std ${std}`).toBeLessThan(0.01);
      }
    },
  );

  it.each([1, 64])("equals the whole-block form under the same PSD, in blocks of %d", (latencyBlock) => {
    const x = coloured(24 * rate, 9);
    // One PSD-stride of 12 s: its PSD is that of the 6 s before it.
    const step = createWhitenMinimumPhase({
      ...small,
      channels: ["H1"],
      psdStride: 12,
      lowpass: 50,
      biasCorrection: false,
      latencyBlock,
    });
    const out = spell(run(step, [series(0, [x], rate)])).slice(12 * rate, 24 * rate);
    const psd = welch(x.subarray(6 * rate, 12 * rate), { sampleRate: rate, fftSize: 2 * rate });
    const options = { sampleRate: rate, filterLength: 1, highpass: 10, lowpass: 50, crop: false };
    const whole = whitenMinimumPhase(x, psd.values, options).subarray(12 * rate);
    expect(out.length).toBe(whole.length);
    out.forEach((said, n) => {
      expect(Math.abs(Number(said) - whole[n]!), `sample ${n}`).toBeLessThan(1e-6);
    });
  });

  it("gives the same by sums and by transforms, and another filter in every PSD-stride", () => {
    const data = [coloured(30 * rate, 1), coloured(30 * rate, 2)];
    const [sums, transforms] = [1, 64].map((latencyBlock) =>
      values(run(createWhitenMinimumPhase({ ...small, latencyBlock }), [series(origin, data, rate)]), 0),
    );
    expect(sums!.length).toBe(transforms!.length);
    for (let n = 0; n < sums!.length; n++) expect(Math.abs(sums![n]! - transforms![n]!)).toBeLessThan(1e-6);
  });

  it("delays a signal by less than the zero-phase filter makes it wait, at every frequency that passes", () => {
    const sampleRate = 512;
    const psd = welch(coloured(64 * sampleRate, 3), { sampleRate, fftSize: sampleRate });
    const taps = minimumPhaseTaps(psd.values, { sampleRate, highpass: 25, lowpass: 224 });
    const zeroPhase = createWhiten({ sampleRate, channels }).latency;
    expect(createWhitenMinimumPhase({ sampleRate, channels }).latency).toBe(0);
    for (let f = 35; f < 214; f += 1) {
      // Group delay: Re Σ n·w·e^(−iωn) / Σ w·e^(−iωn).
      const omega = (2 * Math.PI * f) / sampleRate;
      let [re, im, nRe, nIm] = [0, 0, 0, 0];
      taps.forEach((tap, n) => {
        re += tap * Math.cos(omega * n);
        im -= tap * Math.sin(omega * n);
        nRe += n * tap * Math.cos(omega * n);
        nIm -= n * tap * Math.sin(omega * n);
      });
      const delay = (nRe * re + nIm * im) / (re * re + im * im);
      expect(Math.abs(delay), `${f} Hz`).toBeLessThan(zeroPhase / 4);
    }
  });

  it.each([
    [{ psdLength: 1 }, /psdLength/],
    [{ latencyBlock: 3 }, /latencyBlock/],
    [{ filterLength: 3 }, /filterLength/],
    [{ highpass: 60, lowpass: 50 }, /highpass/],
  ] as const)("refuses %o by name", (wrong: Partial<WhitenMinimumPhaseOptions>, message) => {
    expect(() => createWhitenMinimumPhase({ ...small, ...wrong })).toThrow(message);
  });

  it("refuses the state of another step", () => {
    const other = createWhiten(small);
    expect(() => createWhitenMinimumPhase(small).restore(other.save())).toThrow(/whiten-minimum-phase/);
  });
});

const shared = process.env.STRAINFLOW_SHARED ?? fileURLToPath(new URL("../../../../shared", import.meta.url));
const present = existsSync(`${shared}/gwosc`) || process.env.STRAINFLOW_REQUIRE === "all";

describe.skipIf(!present)("createWhitenMinimumPhase on real strain (needs ../shared/gwosc)", () => {
  it.each([["H-H1_LOSC_4_V2-1126259446-32.hdf5"], ["L-L1_LOSC_4_V2-1126259446-32.hdf5"]])(
    "gives %s variance 1, lines and all",
    async (name) => {
      await h5wasm.ready;
      const file = new h5wasm.File(`${shared}/gwosc/${name}`, "r");
      const strain = file.get("strain/Strain");
      if (!(strain instanceof h5wasm.Dataset)) throw new Error("no strain");
      const x = Float64Array.from(strain.value as ArrayLike<number>);
      file.close();
      const resample = createResample({ inputRate: 4096, outputRate: 2048, channels: ["H1"] });
      const block = series(1_126_259_446 * 4096, [x], 4096);
      const resampled = [...resample.push(block), ...resample.flush()];
      const step = createWhitenMinimumPhase({ sampleRate: 2048, channels: ["H1"], latencyBlock: 512 });
      const whitened = values(run(step, resampled), 0);
      expect(whitened.length / 2048).toBeGreaterThan(26);
      const std = deviation(whitened);
      expect(Math.abs(std - 1), `standard deviation ${std}`).toBeLessThan(0.05);
    },
  );
});
