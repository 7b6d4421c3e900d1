import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createServer } from "../server.ts";
import { type Batch, ManualClock, ManualThread, rowsOf } from "../testing/manual-threads.ts";
import { scaler, tinyRepository } from "../testing/tiny-repository.ts";
import { Statistics } from "../watching/statistics.ts";
import { RateLimiter, type RateShare, type RateTurn } from "./rate-limiter.ts";
import { StatelessScheduler } from "./stateless-scheduler.ts";

const share = (resources: Readonly<Record<string, number>>, priority = 1): RateShare => ({
  resources: new Map(Object.entries(resources)),
  priority,
});

describe("the rate limiter", () => {
  it("never gives out more than there is, and gives everybody a turn", () =>
    fc.assert(
      fc.property(
        fc.record({ a: fc.integer({ min: 3, max: 5 }), b: fc.option(fc.integer({ min: 3, max: 4 })) }),
        fc.array(
          fc.record({
            a: fc.integer({ min: 0, max: 3 }),
            b: fc.integer({ min: 0, max: 3 }),
            priority: fc.integer({ min: 1, max: 4 }),
          }),
          { minLength: 1, maxLength: 6 },
        ),
        fc.array(fc.nat(), { maxLength: 60 }),
        (limits, instances, choices) => {
          const fixed = new Map([["a", limits.a]]);
          if (limits.b !== null) fixed.set("b", limits.b);
          const limiter = new RateLimiter(fixed);
          const turns = instances.map(({ a, b, priority }) => limiter.enter(share({ a, b }, priority)));
          const state = instances.map(() => ({ asked: 0, granted: 0, running: false }));
          const mostB = limits.b ?? Math.max(...instances.map(({ b }) => b));
          const check = (): void => {
            const used = (name: "a" | "b") =>
              instances.reduce((sum, needs, at) => sum + (state[at]?.running ? needs[name] : 0), 0);
            expect(used("a")).toBeLessThanOrEqual(limits.a);
            expect(used("b")).toBeLessThanOrEqual(mostB);
          };
          const ask = (at: number): void => {
            const own = state[at];
            if (own === undefined || own.running || own.asked > own.granted) return;
            own.asked += 1;
            turns[at]?.ask(() => {
              own.granted += 1;
              own.running = true;
              check();
            });
          };
          const end = (at: number): void => {
            const own = state[at];
            if (!own?.running) return;
            own.running = false;
            turns[at]?.release();
            check();
          };
          for (const choice of choices) {
            const at = (choice >> 1) % instances.length;
            if (choice % 2 === 0) ask(at);
            else end(at);
          }
          for (let round = 0; round < instances.length; round++) instances.forEach((_, at) => end(at));
          for (const { asked, granted } of state) expect(granted).toBe(asked);
        },
      ),
      { numRuns: 300 },
    ));

  it("gives priority 2 half the turns of priority 1", () => {
    const limiter = new RateLimiter(new Map());
    const counts = [0, 0];
    const turns = [limiter.enter(share({ r: 1 }, 1)), limiter.enter(share({ r: 1 }, 2))];
    let running: RateTurn | undefined;
    const ask = (at: number): void =>
      turns[at]?.ask(() => {
        counts[at] = (counts[at] ?? 0) + 1;
        running = turns[at];
      });
    ask(0);
    ask(1);
    for (let run = 0; run < 300; run++) {
      const ended = running;
      // Whoever runs asks again at once: both always want to.
      ask(ended === turns[0] ? 0 : 1);
      ended?.release();
    }
    expect(counts[0]).toBeGreaterThan(195);
    expect(counts[1]).toBeGreaterThan(95);
  });

  it("who needs much is not overtaken for ever", () => {
    const limiter = new RateLimiter(new Map([["r", 2]]));
    const big = limiter.enter(share({ r: 2 }));
    const small = [limiter.enter(share({ r: 1 })), limiter.enter(share({ r: 1 }))];
    const log: string[] = [];
    small[0]?.ask(() => log.push("small 0"));
    big.ask(() => log.push("big"));
    small[1]?.ask(() => log.push("small 1"));
    expect(log).toEqual(["small 0"]);
    small[0]?.release();
    expect(log).toEqual(["small 0", "big"]);
    big.release();
    expect(log).toEqual(["small 0", "big", "small 1"]);
  });
});

describe("models under a rate limiter", () => {
  it("that share a resource never run at the same time, and all their requests are answered", async () => {
    const clock = new ManualClock();
    const limiter = new RateLimiter(new Map());
    const batches: Batch[] = [];
    const answered: number[] = [];
    const schedulers = [1, 2].map(
      (model) =>
        new StatelessScheduler({
          model,
          threads: [1, 2].map(() => new ManualThread(clock, batches, () => 3)),
          statistics: new Statistics(),
          batched: true,
          batching: {
            preferred: [2],
            maxSize: 2,
            delayNs: 1e6,
            levels: {
              policies: [{ action: "reject", timeoutUs: 0, override: false, maxSize: 0 }],
              usual: 1,
            },
            keepsOrder: false,
          },
          turns: [1, 2].map(() => limiter.enter(share({ gpu: 1 }))),
          clock,
        }),
    );
    for (let at = 1; at <= 30; at++)
      clock.at(Math.floor(at / 4) * 1e6, () =>
        schedulers[at % 2]
          ?.admit(undefined)
          .run(new Map([["x", rowsOf(at, 1, 1)]]), ["y"], () => answered.push(at)),
      );
    await clock.runAll();
    expect([...answered].sort((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, at) => at + 1));
    for (const one of batches)
      for (const other of batches)
        if (one !== other) expect(one.endMs <= other.atMs || other.endMs <= one.atMs).toBe(true);
    expect(schedulers.every(({ idle }) => idle)).toBe(true);
  });

  it("an instance that needs more than there is does not load", async () => {
    const repository = await tinyRepository([
      scaler(
        "greedy",
        2,
        `input [ { name: "x" data_type: TYPE_FP32 dims: [2] } ] output [ { name: "y" data_type: TYPE_FP32 dims: [2] } ]
instance_group [ { count: 1 rate_limiter { resources [ { name: "R" count: 4 } ] } } ]`,
        [2],
      ),
    ]);
    const options = { repository: repository.path, workers: 1, rateLimit: "execution_count" } as const;
    await expect(createServer({ ...options, rateLimitResources: { R: 3 } })).rejects.toThrow(
      'Resource count for "R" is limited to 3 which will prevent scheduling of one or more model instances, the minimum required count is 4',
    );
    const server = await createServer({ ...options, rateLimitResources: { R: 4 } });
    expect(server.ready).toBe(true);
    await server.close();
    await repository.remove();
  });
});
