import { type Block, endOf, isStrainflowError } from "@strainflow/series";
import fc from "fast-check";
import { firstValueFrom, from, Subject, toArray } from "rxjs";
import { describe, expect, it } from "vitest";
import { align } from "./align.ts";

type Cell = number | undefined;

/** A detector's stream from one cell per sample; `undefined` is a gap. */
function lane(ifo: string, start: number, cells: readonly Cell[], chunk: number): Block[] {
  const blocks: Block[] = [];
  for (let from = 0; from < cells.length; ) {
    const isGap = cells[from] === undefined;
    let end = from + 1;
    while (end < cells.length && end - from < chunk && (cells[end] === undefined) === isGap) end++;
    const base = {
      quantity: "strain",
      start: start + from,
      size: end - from,
      sampleRate: 8,
      channels: [ifo],
    } as const;
    blocks.push(
      isGap
        ? { ...base, kind: "gap", reason: "missing" }
        : { ...base, kind: "series", data: [Float64Array.from(cells.slice(from, end) as number[])] },
    );
    from = end;
  }
  return blocks;
}

const spell = (blocks: readonly Block[]): string[] =>
  blocks.flatMap((b) =>
    b.kind === "gap"
      ? new Array<string>(b.size).fill(`- ${b.detail?.split(":")[0]}`)
      : Array.from({ length: b.size }, (_, i) => b.data.map((d) => d[i]).join(" ")),
  );

const cells = fc.array(fc.option(fc.integer({ min: 0, max: 9 }), { nil: undefined, freq: 4 }), {
  minLength: 1,
  maxLength: 40,
});

describe("align", () => {
  it("puts detectors side by side, sample by sample, in whatever order and chunks they come", async () => {
    await fc.assert(
      fc.asyncProperty(
        cells,
        cells,
        fc.integer({ min: 0, max: 20 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        fc.infiniteStream(fc.boolean()),
        async (h, l, lStart, hChunk, lChunk, order) => {
          const queues = [lane("H1", 5, h, hChunk), lane("L1", lStart, l, lChunk)];
          const mixed: Block[] = [];
          while (queues.some((q) => q.length > 0)) {
            const pick = order.next().value ? 0 : 1;
            const block = queues[pick]!.shift() ?? queues[1 - pick]!.shift();
            if (block !== undefined) mixed.push(block);
          }
          const out = await firstValueFrom(from(mixed).pipe(align({ ifos: ["H1", "L1"] }), toArray()));
          const start = Math.min(5, lStart);
          const end = Math.max(5 + h.length, lStart + l.length);
          const wanted = Array.from({ length: end - start }, (_, i) => {
            const a = h[start + i - 5];
            const b = l[start + i - lStart];
            if (a !== undefined && b !== undefined) return `${a} ${b}`;
            return `- ${[a === undefined ? "H1" : "", b === undefined ? "L1" : ""].filter(Boolean).join(", ")}`;
          });
          let at = start;
          for (const block of out) {
            expect(block.start).toBe(at);
            at = endOf(block);
          }
          expect(spell(out)).toEqual(wanted);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("gives up a detector that is too far behind, and counts its data as late when they come", () => {
    const source = new Subject<Block>();
    const out: Block[] = [];
    const late: number[] = [];
    source
      .pipe(align({ ifos: ["H1", "L1"], maxSkew: 1, onLate: (l) => late.push(l.samples) }))
      .subscribe((b) => out.push(b));
    for (const b of lane("H1", 0, new Array(32).fill(1), 8)) source.next(b);
    // L1 has not come at all: nobody can know yet when it begins, but H1 may not wait for ever.
    for (const b of lane("L1", 0, new Array(32).fill(2), 8)) source.next(b);
    source.complete();
    const values = out.filter((b) => b.kind === "series").reduce((sum, b) => sum + b.size, 0);
    const gaps = out.filter((b) => b.kind === "gap").reduce((sum, b) => sum + b.size, 0);
    expect(values + gaps).toBe(32);
    expect(late.reduce((a, b) => a + b, 0)).toBe(gaps);
    expect(gaps).toBe(24);
  });

  it("names detectors whose rates differ", async () => {
    const blocks = [
      ...lane("H1", 0, [1, 2], 2),
      ...lane("L1", 0, [1, 2], 2).map((b) => ({ ...b, sampleRate: 16 })),
    ];
    await expect(
      firstValueFrom(from(blocks).pipe(align({ ifos: ["H1", "L1"] }), toArray())),
    ).rejects.toSatisfy((e) => isStrainflowError(e, "align-rates"));
  });
});
