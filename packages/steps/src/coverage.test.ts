import { type Block, endOf, type Step, type TimeSeries } from "@strainflow/series";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Core, type CoreChunk, createCoverage } from "./coverage.ts";

/** y[t] = Σ_{j=−ahead…back} x[t − j] · (j + ahead + 1), given in blocks of `grid` samples anchored at zero. */
function weightedSum(back: number, ahead: number, grid: number): Core {
  let history: number[] = [];
  let historyStart = 0;
  let next = 0;
  return {
    begin(start) {
      history = [];
      historyStart = start;
      next = start;
    },
    push(data, size) {
      for (let i = 0; i < size; i++) history.push(data[0]![i]!);
      const end = historyStart + history.length;
      const chunks: CoreChunk[] = [];
      for (;;) {
        const stop = (Math.floor(next / grid) + 1) * grid;
        if (stop + ahead > end) break;
        const values = new Float64Array(stop - next);
        for (let t = next; t < stop; t++)
          for (let j = -ahead; j <= back; j++)
            values[t - next]! += (history[t - j - historyStart] ?? 0) * (j + ahead + 1);
        chunks.push({ start: next, data: [values] });
        next = stop;
      }
      const drop = Math.max(0, next - back - historyStart);
      history = history.slice(drop);
      historyStart += drop;
      return chunks;
    },
    save: () => ({ history: [...history], historyStart, next }),
    restore(state) {
      ({ history, historyStart, next } = structuredClone(state) as {
        history: number[];
        historyStart: number;
        next: number;
      });
    },
  };
}

const series = (start: number, values: readonly number[]): TimeSeries => ({
  kind: "series",
  quantity: "strain",
  start,
  size: values.length,
  sampleRate: 16,
  channels: ["H1"],
  data: [Float64Array.from(values)],
});
const hole = (start: number, size: number): Block => ({
  kind: "gap",
  quantity: "strain",
  start,
  size,
  sampleRate: 16,
  channels: ["H1"],
  reason: "missing",
});

/** What a block says of each of its samples: the value, or the reason why there is none. */
function spell(blocks: readonly Block[]): (number | string)[] {
  return blocks.flatMap((b): (number | string)[] =>
    b.kind === "series" ? Array.from(b.data[0]!) : new Array<string>(b.size).fill(b.reason),
  );
}

function cut(blocks: readonly Block[], sizes: readonly number[]): Block[] {
  const pieces: Block[] = [];
  let turn = 0;
  for (const block of blocks)
    for (let from = 0; from < block.size; ) {
      const size = Math.min(block.size - from, sizes[turn++ % sizes.length]!);
      pieces.push(
        block.kind === "gap"
          ? { ...block, start: block.start + from, size }
          : {
              ...block,
              start: block.start + from,
              size,
              data: block.data.map((d) => d.subarray(from, from + size)),
            },
      );
      from += size;
    }
  return pieces;
}

const arbitraryStream = fc
  .record({
    start: fc.integer({ min: 0, max: 40 }),
    runs: fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 60 })), { minLength: 1, maxLength: 6 }),
  })
  .map(({ start, runs }) => {
    const blocks: Block[] = [];
    let at = start;
    for (const [isGap, size] of runs) {
      blocks.push(
        isGap
          ? hole(at, size)
          : series(
              at,
              Array.from({ length: size }, (_, i) => ((at + i) * 7919) % 101),
            ),
      );
      at += size;
    }
    return blocks;
  });

const arbitraryReach = fc.record({
  back: fc.integer({ min: 0, max: 12 }),
  ahead: fc.integer({ min: 0, max: 9 }),
  grid: fc.integer({ min: 1, max: 8 }),
});

type Shape = { back: number; ahead: number; grid: number };
const make = ({ back, ahead, grid }: Shape): Step<Block, Block> =>
  createCoverage({
    where: "weightedSum",
    core: weightedSum(back, ahead, grid),
    sampleRate: 16,
    channels: ["H1"],
    quantity: "strain",
    back,
    ahead,
    blocking: grid - 1,
  });

function expected(blocks: readonly Block[], { back, ahead }: Shape): (number | string)[] {
  const input = spell(blocks);
  return input.map((own, t) => {
    if (typeof own === "string") return own;
    let sum = 0;
    let reason = "";
    for (let j = -ahead; j <= back; j++) {
      const x = input[t - j];
      if (typeof x === "string") reason ||= "spoiled";
      else if (x === undefined) reason = t - j < 0 ? "warm-up" : reason || "edge";
      else sum += x * (j + ahead + 1);
    }
    return reason === "" ? sum : "none";
  });
}

describe("createCoverage", () => {
  it("gives every value that its reach allows and a gap everywhere else, whatever the chunking", () => {
    fc.assert(
      fc.property(
        arbitraryStream,
        arbitraryReach,
        fc.array(fc.integer({ min: 1, max: 17 }), { minLength: 1, maxLength: 5 }),
        (stream, reach, sizes) => {
          const step = make(reach);
          const out: Block[] = [];
          let inputEnd = 0;
          for (const block of cut(stream, sizes)) {
            out.push(...step.push(block));
            inputEnd = endOf(block);
            const covered = out.length > 0 ? endOf(out.at(-1)!) : stream[0]!.start;
            expect(inputEnd - covered).toBeLessThanOrEqual(Math.max(step.latency, 0));
          }
          out.push(...step.flush());
          let at = stream[0]!.start;
          for (const block of out) {
            expect(block.start).toBe(at);
            at = endOf(block);
          }
          expect(at).toBe(inputEnd);
          const wanted = expected(stream, reach);
          const got = spell(out).map((v, i) => (typeof v === "string" && wanted[i] === "none" ? "none" : v));
          expect(got).toEqual(wanted);
        },
      ),
      { numRuns: 400 },
    );
  });

  it("continues from a saved state as if nothing had happened", () => {
    fc.assert(
      fc.property(arbitraryStream, arbitraryReach, fc.nat(), (stream, reach, when) => {
        const pieces = cut(stream, [5, 3]);
        const whole = make(reach);
        const wanted = [...pieces.flatMap((b) => whole.push(b)), ...whole.flush()];
        const at = when % (pieces.length + 1);
        const first = make(reach);
        const out = pieces.slice(0, at).flatMap((b) => first.push(b));
        const second = make(reach);
        second.restore(structuredClone(first.save()));
        out.push(...pieces.slice(at).flatMap((b) => second.push(b)), ...second.flush());
        expect(out).toEqual(wanted);
      }),
    );
  });

  it("refuses a block that does not continue the stream", () => {
    const step = make({ back: 1, ahead: 1, grid: 1 });
    step.push(series(0, [1, 2]));
    expect(() => step.push(series(3, [1]))).toThrow(/where 2 was due/);
  });
});
