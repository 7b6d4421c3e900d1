import { type Block, endOf, type InferenceBlock, isStrainflowError } from "@strainflow/series";
import fc from "fast-check";
import { concat, firstValueFrom, from, NEVER, of, Subject, toArray } from "rxjs";
import { describe, expect, it } from "vitest";
import { inferSequence } from "./infer-sequence.ts";
import type { Recovery } from "./sequence.ts";
import { createFakeModel } from "./testing/fake-model.ts";

type Run = readonly [isGap: boolean, size: number];

function stream(start: number, runs: readonly Run[]): Block[] {
  let at = start;
  return runs.map(([isGap, size]) => {
    const base = { quantity: "whitened", start: at, size, sampleRate: 16, channels: ["H1"] } as const;
    at += size;
    return isGap
      ? { ...base, kind: "gap", reason: "missing" }
      : {
          ...base,
          kind: "series",
          data: [Float64Array.from({ length: size }, (_, i) => ((base.start + i) * 31) % 17)],
        };
  });
}

function recut(blocks: readonly Block[], size: number): Block[] {
  return blocks.flatMap((block) => {
    const pieces: Block[] = [];
    for (let from = 0; from < block.size; from += size) {
      const length = Math.min(size, block.size - from);
      const place = { start: block.start + from, size: length };
      pieces.push(
        block.kind === "gap"
          ? { ...block, ...place }
          : { ...block, ...place, data: block.data.map((d) => d.subarray(from, from + length)) },
      );
    }
    return pieces;
  });
}

const run = (
  blocks: readonly Block[],
  model: ReturnType<typeof createFakeModel>,
  options = {},
): Promise<InferenceBlock[]> => firstValueFrom(from(blocks).pipe(inferSequence(model, options), toArray()));

/** One entry per output: its value, or its reason. */
const spell = (blocks: readonly InferenceBlock[]): (number | string)[] =>
  blocks.flatMap((b) =>
    b.kind === "gap"
      ? new Array<number | string>(b.size).fill(b.reason)
      : Array.from(b.outputs["score"]!.data as Float32Array),
  );

interface Shape {
  strideSize: number;
  batchSize: number;
  memory: number;
  latency: number;
}

/** The outputs worked out directly from the whole input; `burnIn` in samples. */
function expected(
  blocks: readonly Block[],
  { strideSize, memory, latency }: Shape,
  burnIn: number = memory,
): (number | string)[] {
  const first = blocks[0]!.start;
  const end = endOf(blocks.at(-1)!);
  const at = (t: number): number | undefined => {
    const block = blocks.find((b) => t >= b.start && t < endOf(b));
    return block?.kind === "series" ? block.data[0]![t - block.start]! : undefined;
  };
  const out: (number | string)[] = [];
  for (let k = Math.ceil(first / strideSize); k < Math.ceil(end / strideSize); k++) {
    const a = k * strideSize + latency;
    let reason: string | undefined;
    let sum = 0;
    for (let i = 0; i < memory + strideSize; i++) {
      const t = a - memory + i;
      const x = at(t);
      if (x !== undefined) sum = Math.fround(sum + Math.fround(x * ((i % 5) + 1)));
      else if (t >= a && t >= first && t < end) reason = "missing";
      else if (t >= first && t < end) reason ??= "spoiled";
    }
    if (reason !== "missing" && a + strideSize > end) reason = "edge";
    else if (a - burnIn < first && reason !== "missing") reason = "warm-up";
    out.push(reason ?? sum);
  }
  return out;
}

const arbitraryRuns = fc.array(
  fc.tuple(
    fc.boolean().map((b) => b),
    fc.integer({ min: 1, max: 90 }),
  ),
  { minLength: 1, maxLength: 6 },
) as fc.Arbitrary<Run[]>;

const arbitraryShape: fc.Arbitrary<Shape> = fc
  .record({
    strideSize: fc.constantFrom(1, 2, 4, 8),
    batchSize: fc.integer({ min: 1, max: 4 }),
    memory: fc.integer({ min: 0, max: 30 }),
    delay: fc.integer({ min: 0, max: 2 }),
  })
  .map(({ delay, ...shape }) => ({ ...shape, latency: delay * shape.strideSize }));

/** Gap or not, and the value where there is one: reasons inside a gap are the direct computation's business. */
const plain = (spelled: readonly (number | string)[]): (number | string)[] =>
  spelled.map((v) => (typeof v === "string" ? "none" : v));

describe("inferSequence", () => {
  it("gives what the model gives of the whole input, in its place, whatever the chunking and the gaps", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 50 }),
        arbitraryRuns,
        arbitraryShape,
        fc.integer({ min: 1, max: 40 }),
        async (start, runs, shape, chunk) => {
          const blocks = stream(start, runs);
          const out = await run(recut(blocks, chunk), createFakeModel(shape));
          let at = Math.ceil(start / shape.strideSize);
          for (const block of out) {
            expect(block.start).toBe(at);
            at = endOf(block);
          }
          expect(plain(spell(out))).toEqual(plain(expected(blocks, shape)));
        },
      ),
      { numRuns: 150 },
    );
  });

  it("gives outputs of a state that began at zero where the burn-in is shorter, and what a gap spoils nowhere", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 50 }),
        arbitraryRuns,
        arbitraryShape,
        fc.integer({ min: 0, max: 40 }),
        async (start, runs, shape, burnIn) => {
          const blocks = stream(start, runs);
          const out = await run(blocks, createFakeModel(shape), { burnIn: burnIn / 16 });
          expect(plain(spell(out))).toEqual(plain(expected(blocks, shape, burnIn)));
        },
      ),
      { numRuns: 100 },
    );
    const whole = await run(
      stream(0, [[false, 32]]),
      createFakeModel({ strideSize: 4, batchSize: 2, memory: 8 }),
      { burnIn: 0 },
    );
    expect(spell(whole).every((value) => typeof value === "number")).toBe(true);
    expect(() =>
      inferSequence(createFakeModel({ strideSize: 4, batchSize: 2, memory: 8 }), { burnIn: -1 }),
    ).toThrow(/burnIn is -1/);
  });

  it("is not changed by lost streams, and sends again no more than memory and requests in flight explain", async () => {
    await fc.assert(
      fc.asyncProperty(
        arbitraryRuns,
        arbitraryShape,
        fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 3 }),
        async (runs, shape, losses) => {
          const blocks = stream(3, runs);
          const undisturbed = await run(blocks, createFakeModel(shape));
          const recoveries: Recovery[] = [];
          const model = createFakeModel({ ...shape, loses: (n) => losses.includes(n) });
          const out = await run(blocks, model, {
            maxInFlight: 4,
            onRecovery: (r: Recovery) => recoveries.push(r),
          });
          expect(spell(out)).toEqual(spell(undisturbed));
          const size = shape.strideSize * shape.batchSize;
          for (const recovery of recoveries)
            expect(recovery.updatesSentAgain).toBeLessThanOrEqual(Math.ceil(shape.memory / size) + 4);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("is not changed by a server that loses its states and goes on", async () => {
    const shape = { strideSize: 4, batchSize: 2, memory: 24 };
    const blocks = stream(3, [
      [false, 300],
      [true, 8],
      [false, 200],
    ]);
    const undisturbed = await run(blocks, createFakeModel(shape));
    const recoveries: Recovery[] = [];
    const out = await run(blocks, createFakeModel({ ...shape, forgets: (n) => n === 9 || n === 31 }), {
      onRecovery: (r: Recovery) => recoveries.push(r),
    });
    expect(spell(out)).toEqual(spell(undisturbed));
    expect(recoveries).toHaveLength(2);
  });

  it("keeps to its requests in flight, and leaves no sequence open", async () => {
    const model = createFakeModel({ strideSize: 4, batchSize: 2, memory: 8 });
    await run(stream(0, [[false, 800]]), model, { maxInFlight: 3 });
    expect(model.mostInFlight()).toBeLessThanOrEqual(3);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(model.openSequences()).toBe(0);
  });

  it("begins a new sequence past a gap that is longer than the memory, and sends nothing in between", async () => {
    const model = createFakeModel({ strideSize: 4, batchSize: 2, memory: 8 });
    await run(
      stream(0, [
        [false, 64],
        [true, 8000],
        [false, 64],
      ]),
      model,
    );
    const starts = model.received.filter((r) => r.sequence!.start).length;
    expect(starts).toBe(2);
    expect(model.received.length).toBeLessThan(24);
  });

  it("ends the sequence on the server when unsubscribed", async () => {
    const model = createFakeModel({ strideSize: 4, batchSize: 2, memory: 8 });
    const subscription = concat(of(...stream(0, [[false, 64]])), NEVER)
      .pipe(inferSequence(model))
      .subscribe();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(model.openSequences()).toBe(1);
    subscription.unsubscribe();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(model.openSequences()).toBe(0);
  });

  it("fails with what does not fit, and gives up a server that stays away", async () => {
    const model = createFakeModel({ strideSize: 4, batchSize: 2, memory: 8 });
    const wrong = stream(0, [[false, 64]]).map((b) => ({ ...b, sampleRate: 32 }));
    await expect(run(wrong, model)).rejects.toSatisfy((e) => isStrainflowError(e, "shape-mismatch"));
    const gone = createFakeModel({ strideSize: 4, batchSize: 2, memory: 8, loses: () => true });
    const losses: Error[] = [];
    const options = { giveUpAfterMs: 200, onLoss: (error: Error) => losses.push(error) };
    await expect(run(stream(0, [[false, 64]]), gone, options)).rejects.toSatisfy((e) =>
      isStrainflowError(e, "server-lost"),
    );
    expect(losses).toHaveLength(1);
  });

  it("refuses channels that are not the model's, also where only their order is another", async () => {
    const model = createFakeModel({ strideSize: 4, batchSize: 2, memory: 8 });
    const [one = ""] = model.streaming.channels;
    const two = { ...model, streaming: { ...model.streaming, channels: [one, "other"] } };
    for (const channels of [["other", one], [one, "third"], [one]]) {
      const blocks = stream(0, [[false, 64]]).map((block) => ({
        ...block,
        channels,
        ...(block.kind === "gap" ? {} : { data: channels.map(() => block.data[0]!) }),
      }));
      await expect(run(blocks, two), channels.join()).rejects.toSatisfy((e) =>
        isStrainflowError(e, "shape-mismatch"),
      );
    }
  });

  it("passes errors on, completes an empty stream, and forwards nothing after unsubscription", async () => {
    const model = createFakeModel({ strideSize: 4, batchSize: 2, memory: 8 });
    expect(await run([], model)).toEqual([]);
    const source = new Subject<Block>();
    const failed = firstValueFrom(source.pipe(inferSequence(model), toArray()));
    source.next(stream(0, [[false, 64]])[0]!);
    source.error(new Error("disk gone"));
    await expect(failed).rejects.toThrow("disk gone");
  });
});
