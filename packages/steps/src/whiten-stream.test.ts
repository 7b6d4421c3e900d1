import { type Block, endOf } from "@strainflow/series";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createOverWhiten } from "./over-whiten.ts";
import { channels, coloured, run, series } from "./testing/coloured-noise.ts";
import { createWhiten } from "./whiten-stream.ts";

type Piece = { readonly size: number; readonly gap: boolean };

/** Cuts data into blocks; where a piece is a gap, the data are withheld. */
function cut(
  start: number,
  data: readonly Float64Array[],
  pieces: readonly Piece[],
  sampleRate: number,
): Block<"strain">[] {
  let at = 0;
  return pieces.map(({ size, gap }) => {
    const from = at;
    at += size;
    return gap
      ? {
          kind: "gap",
          quantity: "strain",
          start: start + from,
          size,
          sampleRate,
          channels,
          reason: "missing",
        }
      : series(
          start + from,
          data.map((samples) => samples.subarray(from, at)),
          sampleRate,
        );
  });
}

/** Sample by sample: the values of both channels, or the reason of the gap. */
function flat(blocks: readonly Block[]): { start: number; samples: string[]; spectra: string[] } {
  const samples: string[] = [];
  const spectra: string[] = [];
  for (const block of blocks) {
    if (samples.length > 0) expect(block.start).toBe(blocks[0]!.start + samples.length);
    const spectrum = block.kind === "gap" ? "" : String(block.side?.inverse_psd?.data.slice(3, 9));
    for (let n = 0; n < block.size; n++) {
      samples.push(block.kind === "gap" ? block.reason : `${block.data[0]![n]} ${block.data[1]![n]}`);
      spectra.push(spectrum);
    }
  }
  return { start: blocks[0]!.start, samples, spectra };
}

const small = {
  sampleRate: 128,
  channels,
  psdLength: 6,
  fftLength: 2,
  filterLength: 1,
  highpass: 10,
  latencyBlock: 16,
};
const rate = small.sampleRate;
const origin = 1_126_259_446 * rate + 37;

const makers = [
  ["createWhiten", () => createWhiten(small), 64],
  ["createOverWhiten", () => createOverWhiten({ ...small, psdBins: 33 }), 128],
] as const;

describe.each(makers)("%s", (_, create, reach) => {
  const data = [coloured(30 * rate, 1), coloured(30 * rate, 2)];
  const pieces = fc
    .array(fc.record({ size: fc.integer({ min: 1, max: 320 }), gap: fc.boolean() }), {
      minLength: 2,
      maxLength: 12,
    })
    .map((all) => all.map(({ size, gap }, i) => ({ size, gap: gap && i % 4 === 3 })));

  it("gives the same bytes for any chunking, gaps included", () => {
    fc.assert(
      fc.property(
        pieces,
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 8 }),
        (all, sizes) => {
          const whole = cut(origin, data, all, rate);
          const recut = whole.flatMap((block) => {
            const parts: Piece[] = [];
            for (let at = 0, i = 0; at < block.size; i++) {
              const size = Math.min(sizes[i % sizes.length]!, block.size - at);
              parts.push({ size, gap: block.kind === "gap" });
              at += size;
            }
            return cut(block.start, block.kind === "gap" ? [] : (block.data as Float64Array[]), parts, rate);
          });
          expect(flat(run(create(), recut))).toEqual(flat(run(create(), whole)));
        },
      ),
      { numRuns: 25 },
    );
  });

  it("goes on from a saved state as if nothing had happened", () => {
    fc.assert(
      fc.property(pieces, fc.nat(11), (all, at) => {
        const blocks = cut(origin, data, all, rate);
        const undisturbed = create();
        const first = create();
        const second = create();
        const split = at % blocks.length;
        const before = blocks.slice(0, split).flatMap((block) => first.push(block));
        second.restore(structuredClone(first.save()));
        const after = run(second, blocks.slice(split));
        expect(flat([...before, ...after])).toEqual(flat(run(undisturbed, blocks)));
      }),
      { numRuns: 25 },
    );
  });

  it("depends on where the stream began no longer than its memory", () => {
    const step = create();
    const whole = flat(run(create(), [series(origin, data, rate)]));
    const late = 700;
    const cutOff = flat(
      run(step, [
        series(
          origin + late,
          data.map((x) => x.subarray(late)),
          rate,
        ),
      ]),
    );
    const memory = Number(step.memory);
    expect(whole.samples.length).toBeGreaterThan(late + memory + 1000);
    expect(cutOff.samples.slice(memory)).toEqual(whole.samples.slice(late + memory));
    expect(cutOff.spectra.slice(memory)).toEqual(whole.spectra.slice(late + memory));
  });

  it("covers time without a hole, and no later than its latency", () => {
    const step = create();
    let covered = origin;
    for (let at = 0; at < data[0]!.length; at += 96) {
      for (const block of step.push(
        series(
          origin + at,
          data.map((x) => x.subarray(at, at + 96)),
          rate,
        ),
      )) {
        expect(block.start).toBe(covered);
        covered = endOf(block);
      }
      expect(covered).toBeGreaterThanOrEqual(origin + at + 96 - step.latency);
    }
    const rest = step.flush();
    expect(endOf(rest.at(-1)!)).toBe(origin + data[0]!.length);
    const edge = rest.filter((block) => block.kind === "gap" && block.reason === "edge");
    expect(edge.reduce((sum, block) => sum + block.size, 0)).toBe(reach);
  });

  it("loses a short gap and its surroundings, and keeps the spectrum from what is clean", () => {
    const gapAt = 15 * rate + 5;
    const blocks = cut(
      origin,
      data,
      [
        { size: gapAt, gap: false },
        { size: 10, gap: true },
        { size: 30 * rate - gapAt - 10, gap: false },
      ],
      rate,
    );
    const { samples } = flat(run(create(), blocks));
    for (let n = 10 * rate; n < 29 * rate; n++) {
      const inside = n >= gapAt && n < gapAt + 10;
      const beside = n >= gapAt - reach && n < gapAt + 10 + reach;
      const found = samples[n]!;
      if (inside) expect(found, `sample ${n}`).toBe("missing");
      else if (beside) expect(found, `sample ${n}`).toBe("spoiled");
      else if (n < 28 * rate) expect(Number.isFinite(Number(found.split(" ")[0])), `sample ${n}`).toBe(true);
    }
  });

  it("has no output after a gap that outlives the spectrum, until half of a new one is there", () => {
    const long = 40 * rate;
    const blocks = [
      series(origin, data, rate),
      ...cut(origin + 30 * rate, data, [{ size: long, gap: true }], rate),
      series(origin + 30 * rate + long, data, rate),
    ];
    const { samples } = flat(run(create(), blocks));
    const after = samples.slice(30 * rate + long);
    const first = after.findIndex((value) => value !== "warm-up" && value !== "spoiled");
    // Of five segments three must be clean; they end four seconds, and up to one hop, after the gap.
    expect(first).toBeGreaterThanOrEqual(4 * rate);
    expect(first).toBeLessThanOrEqual(6 * rate);
    expect(
      samples.slice(30 * rate + reach, 30 * rate + long - reach).every((value) => value === "missing"),
    ).toBe(true);
  });

  it("answers a dead channel with a gap that names it", () => {
    const blocks = run(create(), [series(origin, [data[0]!, new Float64Array(data[0]!.length)], rate)]);
    expect(blocks.some((block) => block.kind === "series")).toBe(false);
    expect(blocks.some((block) => block.kind === "gap" && (block.detail ?? "").includes("L1"))).toBe(true);
  });
});

describe("createWhiten", () => {
  it("delays nothing: a glitch stays where it was", () => {
    const data = [coloured(20 * rate, 3), coloured(20 * rate, 4)];
    const at = 15 * rate + 21;
    data[0]![at]! += 1e-19;
    const out = flat(run(createWhiten(small), [series(origin, data, rate)]));
    let loudest = 0;
    out.samples.forEach((value, n) => {
      const amplitude = Math.abs(Number(value.split(" ")[0]));
      if (
        amplitude > Math.abs(Number(out.samples[loudest]!.split(" ")[0])) ||
        Number.isNaN(Number(out.samples[loudest]!.split(" ")[0]))
      )
        if (!Number.isNaN(amplitude)) loudest = n;
    });
    expect(loudest).toBe(at);
  });

  it.each([
    [{ psdLength: 1 }, /psdLength/],
    [{ psdLength: 4 }, /four segments/],
    [{ fftLength: 2.0001 }, /fftLength/],
    [{ filterLength: 3 }, /filterLength/],
    [{ highpass: 63 }, /highpass/],
    [{ lowpass: 65 }, /lowpass/],
    [{ latencyBlock: 100 }, /latencyBlock/],
    [{ minimumFraction: 0 }, /minimumFraction/],
  ])("refuses %j", (wrong, message) => {
    expect(() => createWhiten({ ...small, ...wrong })).toThrow(message);
  });
});
