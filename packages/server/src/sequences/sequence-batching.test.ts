import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createServer, type InferenceServer } from "../server.ts";
import { float32, floats, RawClient, sequence } from "../testing/raw-client.ts";
import { sharingSums, type TinyRepository, tinyRepository } from "../testing/tiny-repository.ts";
import { type Candidate, chooseRows } from "./sequence-batching.ts";

const candidates = fc
  .uniqueArray(
    fc.record({
      index: fc.nat({ max: 7 }),
      key: fc.constantFrom("a", "a", "a", "b"),
      queuedNs: fc.nat({ max: 1000 }),
    }),
    { minLength: 1, selector: ({ index }) => index },
  )
  .map((found) => found.map((one) => ({ ...one, readyNs: one.queuedNs })).sort((a, b) => a.index - b.index));

describe("which rows a batch has", () => {
  it("direct: everybody in the row of the slot, from the first to the last who is ready", () => {
    fc.assert(
      fc.property(
        candidates,
        fc.nat({ max: 1000 }),
        fc.constantFrom(0, 0.25, 0.5, 1),
        fc.nat({ max: 500 }),
        (waiting, nowNs, utilization, delayNs) => {
          const choice = chooseRows(waiting, { kind: "direct", width: 8, utilization, delayNs }, nowNs);
          const enough = waiting.length >= utilization * 8;
          const oldestNs = Math.min(...waiting.map(({ queuedNs }) => queuedNs));
          const late = delayNs === 0 || nowNs >= oldestNs + delayNs;
          expect(choice.run).toBe(enough || late);
          if (!choice.run) {
            expect(choice.untilNs).toBe(oldestNs + delayNs);
            return;
          }
          // Written down row by row: who has the slot, is ready and fits the first.
          const fitting = waiting.filter(({ key }) => key === waiting[0]?.key);
          const last = fitting.at(-1)?.index ?? -1;
          const expected = Array.from({ length: last + 1 }, (_, at) =>
            fitting.find(({ index }) => index === at),
          );
          expect(choice.rows).toEqual(expected);
        },
      ),
    );
  });

  it("oldest: who waits longest comes first, nobody's rows are none, and no batch is larger than may be", () => {
    const rules = { preferred: [3], maxSize: 4, delayNs: 0 };
    fc.assert(
      fc.property(candidates, (waiting) => {
        const choice = chooseRows<Candidate>(waiting, { kind: "oldest", rules }, 2000);
        if (!choice.run) throw new Error("without a delay nothing waits");
        const order = [...waiting].sort((a, b) => a.readyNs - b.readyNs || a.index - b.index);
        expect(choice.rows).toEqual(order.slice(0, choice.rows.length));
        expect(choice.rows.length).toBeLessThanOrEqual(4);
        expect(new Set(choice.rows.map((row) => row?.key)).size).toBe(1);
      }),
    );
  });
});

describe("sequences that share batches", () => {
  let repository: TinyRepository;
  let server: InferenceServer;
  let client: RawClient;

  beforeAll(async () => {
    repository = await tinyRepository([
      sharingSums("direct", "direct {}", 4),
      sharingSums("full", "direct { minimum_slot_utilization: 1 max_queue_delay_microseconds: 60000000 }", 3),
      sharingSums("late", "direct { minimum_slot_utilization: 1 max_queue_delay_microseconds: 50000 }", 3),
      sharingSums(
        "pairs",
        "oldest { max_candidate_sequences: 4 preferred_batch_size: [2] max_queue_delay_microseconds: 60000000 }",
        4,
      ),
    ]);
    server = await createServer({ repository: repository.path, workers: 2, httpPort: false });
    client = new RawClient(server.grpcAddress);
  });
  afterAll(async () => {
    client.close();
    await server.close();
    await repository.remove();
  });

  const send = async (modelName: string, id: bigint, value: number, flags = {}) => {
    const response = await client.infer({
      modelName,
      parameters: sequence(id, flags),
      inputs: [{ name: "update", datatype: "FP32", shape: [1n, 1n] }],
      rawInputContents: [float32([value])],
    });
    const [rows, ready, own, corrid] = floats(response, 1);
    return { total: floats(response, 0)[0], rows, ready, own, corrid };
  };
  const start = { start: true };
  const end = { end: true };

  it("direct: a sequence keeps its row; rows of others are there, and not ready", async () => {
    const row = (total: number, rows: number, corrid: number) => ({ total, rows, ready: 1, own: 1, corrid });
    expect(await send("direct", 11n, 1, start)).toEqual(row(1, 1, 11));
    expect(await send("direct", 12n, 10, start)).toEqual(row(10, 2, 12));
    expect(await send("direct", 13n, 100, start)).toEqual(row(100, 3, 13));
    // Up to the last that is ready, and no further.
    expect(await send("direct", 12n, 20)).toEqual(row(30, 2, 12));
    expect(await send("direct", 11n, 2, end)).toEqual(row(3, 1, 11));
    expect(await send("direct", 13n, 200)).toEqual(row(300, 3, 13));
    // The row that is free is the next one's.
    expect(await send("direct", 14n, 7, start)).toEqual(row(7, 1, 14));
    for (const id of [12n, 13n, 14n]) await send("direct", id, 0, end);
  });

  it("direct: a batch waits until so many slots are ready", async () => {
    const ids = [21n, 22n, 23n];
    for (const [round, flags] of [start, {}, end].entries()) {
      const answers = await Promise.all(ids.map((id, at) => send("full", id, at + 1, flags)));
      expect(answers).toEqual(
        ids.map((id, at) => ({
          total: (at + 1) * (round + 1),
          rows: 3,
          ready: 3,
          own: 1,
          corrid: Number(id),
        })),
      );
    }
  });

  it("direct: it runs all the same when its delay is over", async () => {
    expect(await send("late", 31n, 5, { ...start, ...end })).toMatchObject({ total: 5, rows: 1, ready: 1 });
  });

  it("oldest: two that are ready make a preferred batch, whichever they are", async () => {
    const ids = [41n, 42n, 43n, 44n];
    const first = await Promise.all(ids.map((id) => send("pairs", id, 1, start)));
    expect(first.map(({ rows, ready }) => [rows, ready])).toEqual(ids.map(() => [2, 2]));
    const [a, b] = await Promise.all([send("pairs", 44n, 10), send("pairs", 41n, 20)]);
    expect([a, b].map(({ total, rows }) => [total, rows])).toEqual([
      [11, 2],
      [21, 2],
    ]);
    const last = await Promise.all(ids.map((id) => send("pairs", id, 0, end)));
    expect(last.map(({ total }) => total)).toEqual([21, 1, 1, 11]);
  });
});
