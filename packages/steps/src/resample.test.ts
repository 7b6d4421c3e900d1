import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Block, endOf, type Step, timeSeries } from "@strainflow/series";
import fc from "fast-check";
import * as h5wasm from "h5wasm/node";
import { beforeAll, describe, expect, it } from "vitest";
import { createResample, type ResampleOptions } from "./resample.ts";
import { forwardBackward, hammingLowpass, kaiserLowpass } from "./resample-taps.ts";

const shared = process.env.STRAINFLOW_SHARED ?? fileURLToPath(new URL("../../../../shared", import.meta.url));
const present = existsSync(`${shared}/fixtures`) || process.env.STRAINFLOW_REQUIRE === "all";

const channels = ["H1", "L1"];

function noise(size: number, seed: number): Float64Array {
  let state = seed | 1;
  return Float64Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  });
}

function block(start: number, sampleRate: number, data: readonly Float64Array[]): Block<"strain"> {
  return timeSeries({ quantity: "strain", start, sampleRate, channels, data });
}

/** Cuts a stretch into blocks of the given sizes, over and over; every third piece can be a gap. */
function cut(
  start: number,
  sampleRate: number,
  data: readonly Float64Array[],
  sizes: readonly number[],
): Block<"strain">[] {
  const blocks: Block<"strain">[] = [];
  const total = data[0]!.length;
  for (let at = 0, i = 0; at < total; i++) {
    const size = Math.min(sizes[i % sizes.length]!, total - at);
    blocks.push(
      block(
        start + at,
        sampleRate,
        data.map((x) => x.subarray(at, at + size)),
      ),
    );
    at += size;
  }
  return blocks;
}

function run(step: Step<Block<"strain">, Block<"strain">>, blocks: readonly Block<"strain">[]): Block[] {
  return [...blocks.flatMap((one) => step.push(one)), ...step.flush()];
}

/** Values of one channel under their absolute indexes; NaN in gaps. */
function values(blocks: readonly Block[], channel = 0): { start: number; samples: Float64Array } {
  const start = blocks[0]!.start;
  const samples = new Float64Array(endOf(blocks.at(-1)!) - start).fill(Number.NaN);
  let covered = start;
  for (const one of blocks) {
    expect(one.start).toBe(covered);
    covered = endOf(one);
    if (one.kind === "series") samples.set(one.data[channel]!, one.start - start);
  }
  return { start, samples };
}

function reasons(blocks: readonly Block[]): string[] {
  return blocks.flatMap((one) =>
    Array.from({ length: one.size }, () => (one.kind === "gap" ? one.reason : "")),
  );
}

const rates: readonly (readonly [number, number])[] = [
  [4096, 2048],
  [16_384, 2048],
  [512, 384],
  [300, 512],
  [256, 256],
  [250, 256],
];

describe.each(rates)("createResample from %i to %i Hz", (inputRate, outputRate) => {
  const make = (phase: "zero" | "causal" = "zero"): ReturnType<typeof createResample> =>
    createResample({ inputRate, outputRate, channels, phase });
  const size = 2 * inputRate;
  const data = [noise(size, 3), noise(size, 4)];

  it("gives the same bytes for any chunking, and from any saved state", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: inputRate }), { minLength: 1, maxLength: 6 }),
        fc.nat(1000),
        fc.nat(20),
        fc.constantFrom("zero", "causal"),
        (sizes, offset, at, phase) => {
          const start = 1_126_259_446 * inputRate + offset;
          const whole = values(run(make(phase), [block(start, inputRate, data)]), 1);
          const pieces = cut(start, inputRate, data, sizes);
          const first = make(phase);
          const split = at % pieces.length;
          const before = pieces.slice(0, split).flatMap((piece) => first.push(piece));
          const second = make(phase);
          second.restore(structuredClone(first.save()));
          const after = run(second, pieces.slice(split));
          const both = values([...before, ...after], 1);
          expect(both.start).toBe(whole.start);
          expect(both.samples).toEqual(whole.samples);
        },
      ),
      { numRuns: 15 },
    );
  });

  it("leaves a sine below the pass edge as it was, to the phase, wherever the stream begins", () => {
    const frequency = 0.8 * 0.5 * Math.min(inputRate, outputRate);
    const startIndex = 1_126_259_446 * inputRate + 11;
    const cycles = frequency / inputRate;
    // Phase counted from the last whole second, where it is exact.
    const sine = (n: number, rate: number): number =>
      Math.sin((2 * Math.PI * frequency * (n % (10 * rate))) / rate);
    expect(cycles).toBeLessThan(0.5);
    const x = Float64Array.from({ length: size }, (_, n) => sine(startIndex + n, inputRate));
    const { start, samples } = values(run(make(), [block(startIndex, inputRate, [x, x])]));
    let compared = 0;
    samples.forEach((value, n) => {
      if (Number.isNaN(value)) return;
      compared++;
      expect(Math.abs(value - sine(start + n, outputRate))).toBeLessThan(1e-4);
    });
    expect(compared).toBeGreaterThan(outputRate);
  });

  it("puts what would alias at least 80 dB down", () => {
    if (outputRate >= inputRate) return;
    for (const fraction of [1.0, 1.1, 1.5, 1.9]) {
      const frequency = fraction * 0.5 * outputRate;
      if (frequency >= inputRate / 2) continue;
      const x = Float64Array.from({ length: size }, (_, n) =>
        Math.cos((2 * Math.PI * frequency * n) / inputRate),
      );
      const { samples } = values(run(make(), [block(0, inputRate, [x, x])]));
      const loudest = samples.reduce((most, v) => (Number.isNaN(v) ? most : Math.max(most, Math.abs(v))), 0);
      expect(20 * Math.log10(loudest), `${frequency} Hz`).toBeLessThan(-80);
    }
  });

  it("is the same filter when causal, late by its stated delay, with nothing to wait for", () => {
    const causal = make("causal");
    expect(causal.latency).toBe(0);
    expect(Number.isInteger(causal.delay)).toBe(true);
    const late = values(run(causal, [block(0, inputRate, data)])).samples;
    const prompt = values(run(make(), [block(0, inputRate, data)])).samples;
    let compared = 0;
    for (let n = 0; n + causal.delay < late.length; n++) {
      if (Number.isNaN(prompt[n]!) || Number.isNaN(late[n + causal.delay]!)) continue;
      compared++;
      expect(Math.abs(late[n + causal.delay]! - prompt[n]!)).toBeLessThan(1e-13);
    }
    expect(compared).toBeGreaterThan(outputRate / 2);
  });

  it("makes gaps of what touches a gap, and of nothing else", () => {
    const step = make();
    const at = inputRate + 7;
    const gapSize = 5;
    const blocks: Block<"strain">[] = [
      block(
        0,
        inputRate,
        data.map((x) => x.subarray(0, at)),
      ),
      {
        kind: "gap",
        quantity: "strain",
        start: at,
        size: gapSize,
        sampleRate: inputRate,
        channels,
        reason: "lost",
      },
      block(
        at + gapSize,
        inputRate,
        data.map((x) => x.subarray(at + gapSize)),
      ),
    ];
    const out = run(step, blocks);
    const whole = values(run(make(), [block(0, inputRate, data)])).samples;
    const { samples } = values(out);
    const why = reasons(out);
    // The filter's reach shows at the ends of a whole stretch; to the next output, since ends need not fall on one.
    const spacing = inputRate / outputRate;
    const back = whole.findIndex((value) => !Number.isNaN(value)) * spacing;
    const ahead = [...whole].reverse().findIndex((value) => !Number.isNaN(value)) * spacing;
    samples.forEach((value, m) => {
      const position = m * spacing;
      if (Number.isNaN(whole[m]!)) return;
      if (position >= at && position < at + gapSize) expect(why[m]).toBe("lost");
      else if (position >= at - ahead + spacing && position < at + gapSize + back - spacing)
        expect(why[m]).toBe("spoiled");
      else if (position < at - ahead - spacing || position >= at + gapSize + back + spacing)
        expect(Math.abs(value - whole[m]!)).toBeLessThan(1e-14);
    });
  });
});

describe("filters", () => {
  it("of Kaiser's keep their promise in pass and stop band", () => {
    const taps = kaiserLowpass({
      sampleRate: 4096,
      passEdge: 900,
      stopEdge: 1024,
      attenuation: 90,
      delayMultiple: 2,
    });
    const response = (frequency: number): number => {
      const middle = (taps.length - 1) / 2;
      return taps.reduce(
        (sum, tap, n) => sum + tap * Math.cos((2 * Math.PI * frequency * (n - middle)) / 4096),
        0,
      );
    };
    for (let f = 0; f <= 900; f += 3) expect(Math.abs(response(f) - 1)).toBeLessThan(5e-5);
    for (let f = 1024; f <= 2048; f += 3) expect(Math.abs(response(f))).toBeLessThan(5e-5);
    expect(((taps.length - 1) / 2) % 2).toBe(0);
  });

  it("forwards and backwards have the square of the response", () => {
    const taps = forwardBackward(Float64Array.of(1, 2, 3));
    expect([...taps]).toEqual([3, 8, 14, 8, 3]);
  });
});

describe("createResample refuses", () => {
  const good: ResampleOptions = { inputRate: 4096, outputRate: 2048, channels };
  it.each([
    [{ inputRate: 4096.5 }, /sampleRate/],
    [{ outputRate: 0 }, /sampleRate/],
    [{ channels: [] }, /channels/],
    [{ taps: new Float64Array(4) }, /taps/],
    [{ passband: 1 }, /passband/],
    [{ attenuation: 5 }, /attenuation/],
    [{ inputRate: 1_048_575, outputRate: 1_048_574 }, /simpler ratio/],
    [{ outputRate: 3000, compatibility: "aframe" }, /divisor/],
  ] as const)("%j", (wrong, message) => {
    expect(() => createResample({ ...good, ...wrong })).toThrow(message);
  });
});

describe.skipIf(!present)("createResample against aframe's (needs ../shared/fixtures)", () => {
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

  it.each([
    ["resample_4096.h5", "", 4096, 2048, "zero_phase"],
    ["resample_16384.h5", "to_2048/", 16_384, 2048, "offline"],
    ["resample_16384.h5", "to_4096/", 16_384, 4096, "offline"],
  ])("%s %s", (name, group, inputRate, outputRate, zeroPhase) => {
    const file = new h5wasm.File(`${shared}/fixtures/${name}`, "r");
    const factor = inputRate / outputRate;
    const taps = rows(file, `${group}taps`)[0]!;
    const ours = hammingLowpass(61, 1 / factor);
    ours.forEach((tap, n) => {
      expect(Math.abs(tap - taps[n]!)).toBeLessThan(1e-15);
    });
    const x = rows(file, "x");
    for (const phase of ["zero", "causal"] as const) {
      const step = createResample({ inputRate, outputRate, channels, phase, compatibility: "aframe" });
      const out = run(step, cut(0, inputRate, x, [4096, 17]));
      const expected = rows(file, `${group}${phase === "zero" ? zeroPhase : "causal"}`);
      for (const channel of [0, 1]) {
        const { samples } = values(out, channel);
        expect(samples.length).toBe(expected[channel]!.length);
        let compared = 0;
        samples.forEach((value, m) => {
          // Where its filter reaches past an end, the reference pads, and ours has an honest gap.
          if (Number.isNaN(value)) return;
          compared++;
          expect(Math.abs(value - expected[channel]![m]!)).toBeLessThan(1e-11);
        });
        expect(compared).toBeGreaterThan(samples.length - 130 / factor);
      }
    }
    file.close();
  });
});
