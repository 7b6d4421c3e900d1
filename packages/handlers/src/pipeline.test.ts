import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { completeHandler, type Handler } from "./handler.ts";
import type { Outcome } from "./outcome.ts";
import { Pipeline, type PipelineOptions } from "./pipeline.ts";

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function start<In, Batch, Item, Out>(
  handler: Handler<In, Batch, Item, Out>,
  options: Partial<PipelineOptions> = {},
) {
  const pipeline = new Pipeline(completeHandler(handler, "test"), {
    maxBatchSize: 8,
    maxQueueMs: 0,
    stageTimeoutMs: 5000,
    ...options,
  });
  return (message: unknown): Promise<Outcome> => new Promise((resolve) => pipeline.submit(message, resolve));
}

/** Ten times each number, by the batch; those in `bad` cannot be computed. */
function tenfold(bad: ReadonlySet<number>, isAsync: boolean) {
  const batches: (readonly number[])[] = [];
  const sizes: number[] = [];
  const handler: Handler<number, readonly number[], number, number> = {
    validate: (message) => (message < 0 ? "less than nothing" : undefined),
    processRequest: (messages) => {
      sizes.push(messages.length);
      return isAsync ? pause(0).then(() => messages) : messages;
    },
    runInference: (batch) => {
      batches.push(batch);
      if (batch.some((value) => bad.has(value))) throw new Error("bad is among them");
      const items = batch.map((value) => 10 * value);
      return isAsync ? pause(1).then(() => items) : items;
    },
    processResponse: (item) => (isAsync && item % 3 === 0 ? pause(0).then(() => item) : item),
  };
  return { handler, batches, sizes };
}

describe("a pipeline", () => {
  test("gives each message its own outcome, however they come and are batched", async () => {
    const arrivals = fc.array(fc.record({ value: fc.integer({ min: -2, max: 60 }), wait: fc.boolean() }), {
      maxLength: 60,
    });
    await fc.assert(
      fc.asyncProperty(
        arrivals,
        fc.uniqueArray(fc.integer({ min: 0, max: 60 }), { maxLength: 5 }),
        fc.integer({ min: 1, max: 20 }),
        fc.constantFrom(0, 3),
        fc.boolean(),
        async (messages, bad, maxBatchSize, maxQueueMs, isAsync) => {
          const { handler, batches, sizes } = tenfold(new Set(bad), isAsync);
          const submit = start(handler, { maxBatchSize, maxQueueMs });
          const outcomes: Promise<Outcome>[] = [];
          for (const { value, wait } of messages) {
            outcomes.push(submit(value));
            if (wait) await pause(0);
          }
          const settled = await Promise.all(outcomes);
          expect(settled).toEqual(
            messages.map(({ value }) => {
              if (value < 0) return { ok: false, failure: { code: "invalid", reason: "less than nothing" } };
              if (bad.includes(value))
                return { ok: false, failure: { code: "failed", reason: "bad is among them" } };
              return { ok: true, value: 10 * value };
            }),
          );
          expect(Math.max(0, ...sizes)).toBeLessThanOrEqual(maxBatchSize);
          // Without failures nothing is computed twice, and the order is kept.
          if (!messages.some(({ value }) => bad.includes(value)))
            expect(batches.flat()).toEqual(messages.map(({ value }) => value).filter((value) => value >= 0));
        },
      ),
      { numRuns: 60 },
    );
  });

  test("finds one bad message among many in few runs", async () => {
    const { handler, batches } = tenfold(new Set([700]), false);
    const submit = start(handler, { maxBatchSize: 1024 });
    const outcomes = await Promise.all(Array.from({ length: 1024 }, (_, i) => submit(i)));
    expect(outcomes.flatMap(({ ok }, i) => (ok ? [] : [i]))).toEqual([700]);
    expect(batches.length).toBeLessThanOrEqual(21);
  });

  test("gives a message that hangs its time, and the others their answers, in every stage", async () => {
    const never = new Promise<never>(() => undefined);
    const stages: Handler<number, readonly number[], number, number>[] = [
      {
        processRequest: (some) => (some.includes(3) ? never : some),
        runInference: (batch) => batch,
        processResponse: (item) => item,
      },
      {
        processRequest: (some) => some,
        runInference: (batch) => (batch.includes(3) ? never : batch),
        processResponse: (item) => item,
      },
      {
        processRequest: (some) => some,
        runInference: (batch) => batch,
        processResponse: (item) => (item === 3 ? never : item),
      },
    ];
    for (const handler of stages) {
      const submit = start(handler, { stageTimeoutMs: 50 });
      const outcomes = await Promise.all([0, 1, 2, 3, 4].map(submit));
      expect(outcomes.map((outcome) => (outcome.ok ? outcome.value : outcome.failure.code))).toEqual([
        0,
        1,
        2,
        "timed-out",
        4,
      ]);
      // Nothing is left that holds up what comes later.
      expect(await submit(9)).toEqual({ ok: true, value: 9 });
    }
  });

  test("has stages that overlap: a batch is prepared while another is inferred, one at a time each", async () => {
    const events: string[] = [];
    const inside = new Map<string, number>();
    const stage =
      (name: string) =>
      async <T>(value: T): Promise<T> => {
        inside.set(name, (inside.get(name) ?? 0) + 1);
        expect(inside.get(name)).toBe(1);
        events.push(`${name}>`);
        await pause(5);
        events.push(`<${name}`);
        inside.set(name, 0);
        return value;
      };
    const [prepare, infer] = [stage("prepare"), stage("infer")];
    const submit = start(
      {
        processRequest: (messages: readonly number[]) => prepare(messages),
        runInference: (batch: readonly number[]) => infer(batch),
        processResponse: (item: number) => item,
      },
      { maxBatchSize: 1 },
    );
    await Promise.all([1, 2, 3, 4].map(submit));
    const running = (name: string, at: number): boolean =>
      events.slice(0, at + 1).filter((event) => event === `${name}>`).length >
      events.slice(0, at + 1).filter((event) => event === `<${name}`).length;
    expect(events.some((_, at) => running("prepare", at) && running("infer", at))).toBe(true);
  });

  test("waits for a full batch as long as it is told to, and no longer", async () => {
    const { handler, sizes } = tenfold(new Set(), false);
    const submit = start(handler, { maxBatchSize: 3, maxQueueMs: 60_000 });
    const first = submit(1);
    await pause(20);
    expect(sizes).toEqual([]);
    await Promise.all([first, submit(2), submit(3)]);
    expect(sizes).toEqual([3]);
    const late = tenfold(new Set(), false);
    const submitLate = start(late.handler, { maxBatchSize: 3, maxQueueMs: 30 });
    await Promise.all([submitLate(1), submitLate(2)]);
    expect(late.sizes).toEqual([2]);
  });

  test("fails a batch whose items are not as many as its messages, even without end", async () => {
    function* endless(): Generator<number> {
      for (;;) yield 1;
    }
    for (const [items, word] of [
      [[1], "gave 1 items for a batch of 2"],
      [endless(), "gave more than 2 items"],
    ] as const) {
      const submit = start({
        processRequest: (messages: readonly number[]) => messages,
        runInference: () => items,
        processResponse: (item: number) => item,
      });
      for (const outcome of await Promise.all([submit(1), submit(2)]))
        expect(outcome).toMatchObject({ ok: false, failure: { reason: expect.stringContaining(word) } });
    }
  });
});
