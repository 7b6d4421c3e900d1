import { setTimeout as delay } from "node:timers/promises";
import {
  type EventItem,
  type EventRecord,
  type InferRequest,
  type InferResponse,
  type InferUnary,
  isStrainflowError,
  StrainflowError,
  type UnaryOptions,
} from "@strainflow/series";
import fc from "fast-check";
import { firstValueFrom, from, toArray } from "rxjs";
import { describe, expect, it } from "vitest";
import { createEventTimings } from "./event-timings.ts";
import { type EventOutcome, type InferEventsOptions, inferEvents } from "./infer-events.ts";

function record(index: number, size = 1 + (index % 5)): EventRecord {
  const data = Float32Array.from({ length: size }, (_, n) => index + n / 8);
  return {
    kind: "event",
    id: `1/0/${index}`,
    index,
    inputs: { x: { datatype: "FP32", shape: [size], data } },
  };
}

type Behaviour = (request: InferRequest, options: UnaryOptions, call: number) => Promise<InferResponse>;

/** Gives the sum of `x` of each event; counts what it has to do at once. */
class Server implements InferUnary {
  running = 0;
  most = 0;
  mostBytes = 0;
  calls: string[] = [];
  #bytes = 0;
  readonly #behaviour: Behaviour | undefined;

  constructor(behaviour?: Behaviour) {
    this.#behaviour = behaviour;
  }

  async infer(_model: string, request: InferRequest, options: UnaryOptions): Promise<InferResponse> {
    const bytes = 4 * (request.inputs["x"]?.shape[0] ?? 0);
    this.running++;
    this.#bytes += bytes;
    this.most = Math.max(this.most, this.running);
    this.mostBytes = Math.max(this.mostBytes, this.#bytes);
    this.calls.push(request.id);
    try {
      return await (this.#behaviour?.(request, options, this.calls.length) ?? sum(request));
    } finally {
      this.running--;
      this.#bytes -= bytes;
    }
  }
}

function total({ inputs }: Pick<InferRequest, "inputs">): number {
  const data = (inputs["x"]?.data ?? []) as Float32Array;
  return Math.fround(data.reduce((a, b) => a + b, 0));
}

function sum(request: InferRequest): InferResponse {
  const data = Float32Array.of(total(request));
  return { id: request.id, outputs: { sum: { datatype: "FP32", shape: [1], data } } };
}

async function collect(
  server: InferUnary,
  options: Partial<InferEventsOptions>,
  events: AsyncIterable<EventItem> | Iterable<EventItem>,
): Promise<EventOutcome[]> {
  const outcomes: EventOutcome[] = [];
  for await (const outcome of inferEvents(server, { model: "net", ...options })(events))
    outcomes.push(outcome);
  return outcomes;
}

const told = (outcome: EventOutcome): unknown =>
  outcome.kind === "failed"
    ? [outcome.id, outcome.reason]
    : [outcome.id, Array.from((outcome.outputs["sum"]?.data ?? []) as Float32Array)];

const lost = (): StrainflowError => new StrainflowError("server-unavailable", "nobody there");

/** Waits for as long as it is allowed to. */
const hang = (signal: AbortSignal | undefined): Promise<never> =>
  new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));

describe("inferEvents", () => {
  it("gives the same outcomes for any concurrency, limit of bytes, delay and order", async () => {
    const plan = fc.record({
      count: fc.integer({ min: 0, max: 40 }),
      concurrency: fc.integer({ min: 1, max: 12 }),
      maxInFlightBytes: fc.integer({ min: 1, max: 64 }),
      order: fc.constantFrom("input" as const, "completion" as const),
      delays: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 7 }),
      bad: fc.integer({ min: 2, max: 9 }),
    });
    await fc.assert(
      fc.asyncProperty(plan, async ({ count, concurrency, maxInFlightBytes, order, delays, bad }) => {
        const server = new Server(async (request, _options, call) => {
          await delay(delays[call % delays.length]);
          if (Number(request.id.split("/")[2]) % bad === 1)
            throw new StrainflowError("rpc-failed", "not this one");
          return sum(request);
        });
        const events = Array.from({ length: count }, (_, i) => record(i));
        const outcomes = await collect(server, { concurrency, maxInFlightBytes, order }, events);
        const inOrder = [...outcomes].sort((a, b) => a.index - b.index);
        if (order === "input") expect(outcomes).toEqual(inOrder);
        expect(inOrder.map(told)).toEqual(
          events.map((event, i) => (i % bad === 1 ? [event.id, "refused"] : [event.id, [total(event)]])),
        );
        expect(server.most).toBeLessThanOrEqual(concurrency);
        expect(server.mostBytes).toBeLessThanOrEqual(Math.max(maxInFlightBytes, 20));
      }),
      { numRuns: 40 },
    );
  });

  it("takes no event before there is room for it, nor before it is asked for outcomes", async () => {
    let taken = 0;
    async function* source(): AsyncGenerator<EventItem> {
      for (let i = 0; i < 1000; i++) {
        taken++;
        yield record(i);
      }
    }
    const outcomes = inferEvents(new Server(), { model: "net", concurrency: 4 })(source());
    expect(taken).toBe(0);
    const iterator = outcomes[Symbol.asyncIterator]();
    for (let i = 1; i <= 20; i++) {
      await iterator.next();
      await delay(1);
      // Those given on, 4 × 4 that may be held, and one that waits for room.
      expect(taken).toBeLessThanOrEqual(i + 17);
    }
    await iterator.return?.(undefined);
    await delay(5);
    expect(taken).toBeLessThan(40);
  });

  it("skips and reports a hanging event at its own limit, while the others go on", async () => {
    const server = new Server((request, { signal }) =>
      request.id === "1/0/3" ? hang(signal) : Promise.resolve(sum(request)),
    );
    const events = Array.from({ length: 30 }, (_, i) => record(i));
    const outcomes = await collect(server, { timeoutMs: 60, concurrency: 3 }, events);
    expect(outcomes.map(({ index }) => index)).toEqual(events.map(({ index }) => index));
    const failed = outcomes.filter((outcome) => outcome.kind === "failed");
    expect(failed.map(told)).toEqual([["1/0/3", "timeout"]]);
    expect(failed[0]?.error.message).toMatch(/event 1\/0\/3: model "net" gave no answer within 60 ms/);
    expect(server.running).toBe(0);
  });

  it("does not depend on the transport's keeping the limit", async () => {
    const deaf: InferUnary = { infer: () => new Promise(() => {}) };
    const outcomes = await collect(deaf, { timeoutMs: 20 }, [record(0), record(1)]);
    expect(outcomes.map(told)).toEqual([
      ["1/0/0", "timeout"],
      ["1/0/1", "timeout"],
    ]);
  });

  it("reports what cannot be read, and what the server refuses in a response", async () => {
    const server = new Server(async (request) =>
      request.id === "1/0/2"
        ? { id: request.id, outputs: {}, error: new Error("unexpected shape") }
        : sum(request),
    );
    const damaged = { kind: "unreadable", id: "1/0/1", index: 1, error: new Error("chunk 5") } as const;
    const timings = createEventTimings();
    const outcomes = await collect(server, { timings }, [record(0), damaged, record(2)]);
    expect(outcomes.map(told)).toEqual([
      ["1/0/0", [0]],
      ["1/0/1", "unreadable"],
      ["1/0/2", "refused"],
    ]);
    expect(server.calls).not.toContain("1/0/1");
    expect(timings.rows()).toMatchObject([
      { deployment: "net", events: 3, inferred: 1, unreadable: 1, refused: 1, timedOut: 0 },
    ]);
  });

  it("sends again what a server left unanswered that dies midway and comes back", async () => {
    let dead = 0;
    const server = new Server(async (request, _options, call) => {
      if (call === 12) dead = performance.now() + 150;
      if (performance.now() < dead) throw lost();
      await delay(1);
      return sum(request);
    });
    const events = Array.from({ length: 40 }, (_, i) => record(i));
    const outcomes = await collect(server, { concurrency: 4 }, events);
    expect(outcomes.map(told)).toEqual(events.map((event) => [event.id, [total(event)]]));
    expect(server.calls.length).toBeGreaterThan(40);
  });

  it("fails with the event's id when the server stays away", async () => {
    const server = new Server(async (request, _options, call) => {
      if (call > 6) throw lost();
      return sum(request);
    });
    const seen: number[] = [];
    const run = async (): Promise<void> => {
      const infer = inferEvents(server, { model: "net", concurrency: 2, giveUpAfterMs: 100 });
      for await (const { index } of infer(Array.from({ length: 20 }, (_, i) => record(i)))) seen.push(index);
    };
    const error = await run().catch((thrown: unknown) => thrown);
    expect(isStrainflowError(error, "server-lost")).toBe(true);
    expect(error).toMatchObject({ details: { index: 6, eventId: "1/0/6" } });
    expect(seen).toEqual([0, 1, 2, 3, 4, 5]);
    expect(server.running).toBe(0);
  });

  it("takes an event under which the server dies again and again for the culprit", async () => {
    const server = new Server(async (request) => {
      if (request.id === "1/0/2") throw lost();
      return sum(request);
    });
    const events = Array.from({ length: 200 }, (_, i) => record(i));
    async function* slowly(): AsyncGenerator<EventItem> {
      for (const event of events) {
        await delay(5);
        yield event;
      }
    }
    const outcomes = await collect(server, { attempts: 3 }, slowly());
    expect(outcomes.filter(({ kind }) => kind === "failed").map(told)).toEqual([["1/0/2", "lost"]]);
    expect(outcomes.length).toBe(200);
    expect(server.calls.filter((id) => id === "1/0/2").length).toBe(3);
  });

  it("gives up what is under way when the iteration ends early, and when it is told to", async () => {
    const given: (AbortSignal | undefined)[] = [];
    const server = new Server((request, { signal }) => {
      given.push(signal);
      return request.id === "1/0/0" ? Promise.resolve(sum(request)) : hang(signal);
    });
    const events = Array.from({ length: 9 }, (_, i) => record(i));
    for await (const outcome of inferEvents(server, { model: "net", concurrency: 4, order: "completion" })(
      events,
    )) {
      expect(outcome.index).toBe(0);
      break;
    }
    await delay(1);
    expect(server.running).toBe(0);

    const control = new AbortController();
    const running = collect(server, { signal: control.signal }, events.slice(1));
    setTimeout(() => control.abort(new Error("enough")), 10);
    await expect(running).rejects.toThrow("enough");
    await delay(1);
    expect(server.running).toBe(0);
    expect(given.slice(1).every((signal) => signal?.aborted)).toBe(true);
  });

  it("passes on what its source throws, after what came before it", async () => {
    async function* broken(): AsyncGenerator<EventItem> {
      yield record(0);
      yield record(1);
      throw new Error("the file is gone");
    }
    const seen: number[] = [];
    const run = async (): Promise<void> => {
      for await (const { index } of inferEvents(new Server(), { model: "net" })(broken())) seen.push(index);
    };
    await expect(run()).rejects.toThrow("the file is gone");
    expect(seen).toEqual([0, 1]);
  });

  it("is taken by RxJS", async () => {
    const outcomes = from(inferEvents(new Server(), { model: "net" })([record(0), record(1)]));
    expect((await firstValueFrom(outcomes.pipe(toArray()))).length).toBe(2);
  });

  it.each([
    { concurrency: 0 },
    { timeoutMs: 0 },
    { timeoutMs: 2 ** 31 },
    { maxInFlightBytes: 0.5 },
    { attempts: 0 },
    { giveUpAfterMs: -1 },
  ])("refuses %o by name", (wrong) => {
    expect(() => inferEvents(new Server(), { model: "net", ...wrong })).toThrow(Object.keys(wrong)[0]);
  });
});
