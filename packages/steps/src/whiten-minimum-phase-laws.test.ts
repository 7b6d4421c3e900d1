import { type Block, endOf, type Step } from "@strainflow/series";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createWhitenMinimumPhase } from "./index.ts";
import { channels, coloured, run, series, spell, values } from "./testing/coloured-noise.ts";

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
