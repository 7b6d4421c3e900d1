import type { Block, InferenceBlock } from "@strainflow/series";
import fc from "fast-check";
import { concat, firstValueFrom, NEVER, of, Subject, toArray } from "rxjs";
import { describe, expect, it } from "vitest";
import { type InferSequenceOptions, inferSequence } from "./infer-sequence.ts";
import { createFakeModel, type FakeModelOptions } from "./testing/fake-model.ts";

const SHAPE = { strideSize: 4, batchSize: 2, memory: 8 };

const noise = (size: number): Block => ({
  kind: "series",
  quantity: "whitened",
  start: 0,
  size,
  sampleRate: 16,
  channels: ["H1"],
  data: [Float64Array.from({ length: size }, (_, i) => (i * 31) % 17)],
});

const run = (
  model: ReturnType<typeof createFakeModel>,
  options: InferSequenceOptions = {},
): Promise<InferenceBlock[]> => firstValueFrom(of(noise(400)).pipe(inferSequence(model, options), toArray()));

const values = (blocks: readonly InferenceBlock[]): number[] =>
  blocks.flatMap((block) =>
    block.kind === "gap" ? [] : Array.from(block.outputs["score"]!.data as Float32Array),
  );

const cutAt = (answer: number): FakeModelOptions => ({
  ...SHAPE,
  cuts: (answered) => (answered === answer ? "dropped" : undefined),
});

describe("inferSequence, on a server that outlives its connections and never forgets a sequence", () => {
  it("gives back every slot, also where a START arrives late", async () => {
    const undisturbed = values(await run(createFakeModel(SHAPE)));
    expect(undisturbed.length).toBeGreaterThan(90);
    await fc.assert(
      fc.asyncProperty(
        // Close together: the second cut comes while the first is made good, before the END is answered.
        fc.array(fc.tuple(fc.integer({ min: 1, max: 12 }), fc.constantFrom("dropped", "late")), {
          minLength: 1,
          maxLength: 3,
        }),
        async (cuts) => {
          const byAnswer = new Map<number, "dropped" | "late">();
          cuts.reduce((at, [after, how]) => {
            byAnswer.set(at + after, how);
            return at + after;
          }, 0);
          const model = createFakeModel({ ...SHAPE, cuts: (answered) => byAnswer.get(answered) });
          const out = await run(model, { maxInFlight: 4 });
          expect(values(out)).toEqual(undisturbed);
          expect(model.openSequences()).toBe(0);
        },
      ),
      { numRuns: 30 },
    );
  });

  it("gives back the slots in time, not at the end: also where the stream that carried the ENDs was lost", async () => {
    const model = createFakeModel({
      ...SHAPE,
      cuts: (answered) => (answered >= 5 && answered <= 7 ? "dropped" : undefined),
    });
    let recoveries = 0;
    const subscription = concat(of(noise(400)), NEVER)
      .pipe(inferSequence(model, { onRecovery: () => recoveries++ }))
      .subscribe();
    await expect.poll(() => recoveries).toBe(1);
    expect(model.openSequences()).toBe(1);
    subscription.unsubscribe();
  });

  it("gives back the slot of a stream that was lost and is not gone on with", async () => {
    const model = createFakeModel(cutAt(5));
    const source = new Subject<Block>();
    const lost = new Promise<Error>((onLoss) => {
      source.pipe(inferSequence(model, { onLoss })).subscribe();
    });
    source.next(noise(64));
    await lost;
    expect(model.openSequences()).toBe(1);
    source.complete();
    await expect.poll(() => model.openSequences()).toBe(0);
  });

  it("gives back that of one that is unsubscribed while it is lost", async () => {
    const model = createFakeModel(cutAt(5));
    await new Promise<void>((resolve) => {
      const subscription = concat(of(noise(64)), NEVER)
        .pipe(
          inferSequence(model, {
            onLoss() {
              queueMicrotask(() => {
                subscription.unsubscribe();
                resolve();
              });
            },
          }),
        )
        .subscribe();
    });
    await expect.poll(() => model.openSequences()).toBe(0);
  });
});
