import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Refusal } from "../refusal.ts";
import type { RawTensors } from "../tensors/raw-tensor.ts";
import { type Batch, ManualClock, ManualThread, rowsOf } from "../testing/manual-threads.ts";
import { Statistics } from "../watching/statistics.ts";
import { type Batching, StatelessScheduler } from "./stateless-scheduler.ts";

/*
 * Any pattern of arrivals, on a clock and threads that the test drives, against the rules as they are written down; none
 * of the scheduler's own parts is used to check it.
 */

interface Arrival {
  readonly afterMs: number;
  readonly rows: number;
  readonly width: 1 | 2;
  readonly priority: number;
  readonly timeoutMs: number;
  readonly giveUpMs: number | undefined;
}

interface Rules {
  readonly maxSize: number;
  readonly preferred: readonly number[];
  readonly delayMs: number;
  readonly levels: number;
  readonly action: "reject" | "delay";
  readonly timeoutMs: number;
  readonly override: boolean;
  readonly maxQueue: number;
  readonly keepsOrder: boolean;
  readonly instances: number;
  readonly runMs: readonly number[];
}

const rulesOf = fc
  .record({
    maxSize: fc.integer({ min: 1, max: 6 }),
    picks: fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 3 }),
    delayMs: fc.constantFrom(0, 5, 20),
    levels: fc.integer({ min: 1, max: 3 }),
    action: fc.constantFrom("reject" as const, "delay" as const),
    timeoutMs: fc.constantFrom(0, 4, 15),
    override: fc.boolean(),
    maxQueue: fc.constantFrom(0, 0, 1, 4),
    keepsOrder: fc.boolean(),
    instances: fc.integer({ min: 1, max: 3 }),
    runMs: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 }),
  })
  .map(({ picks, ...rules }): Rules => {
    const preferred = [...new Set(picks.filter((size) => size <= rules.maxSize))];
    return { ...rules, preferred: preferred.length === 0 ? [rules.maxSize] : preferred };
  });

const arrivalsOf = fc.array(
  fc.record({
    afterMs: fc.constantFrom(0, 0, 0, 1, 3, 30),
    rows: fc.integer({ min: 1, max: 4 }),
    width: fc.constantFrom(1 as const, 1 as const, 2 as const),
    priority: fc.integer({ min: 0, max: 4 }),
    timeoutMs: fc.constantFrom(0, 2, 40),
    giveUpMs: fc.option(fc.integer({ min: 0, max: 10 }), { nil: undefined, freq: 6 }),
  }),
  { minLength: 1, maxLength: 24 },
);

interface Request extends Arrival {
  readonly at: number;
  readonly arrivedMs: number;
  answers: (RawTensors | Refusal)[];
  answeredMs: number;
}

interface History {
  readonly requests: readonly Request[];
  readonly batches: readonly Batch[];
  readonly answered: readonly number[];
}

async function play(rules: Rules, arrivals: readonly Arrival[]): Promise<History> {
  const clock = new ManualClock();
  const batches: Batch[] = [];
  const threads = Array.from({ length: rules.instances }, () => {
    return new ManualThread(clock, batches, (batch) => rules.runMs[batch % rules.runMs.length] ?? 1);
  });
  const policy = {
    action: rules.action,
    timeoutUs: rules.timeoutMs * 1000,
    override: rules.override,
    maxSize: rules.maxQueue,
  };
  const batching: Batching = {
    preferred: rules.preferred,
    maxSize: rules.maxSize,
    delayNs: rules.delayMs * 1e6,
    levels: { policies: Array.from({ length: rules.levels }, () => policy), usual: rules.levels },
    keepsOrder: rules.keepsOrder,
  };
  const scheduler = new StatelessScheduler({
    model: 1,
    threads,
    statistics: new Statistics(),
    batched: true,
    batching,
    clock,
  });
  const requests: Request[] = [];
  const answered: number[] = [];
  let atMs = 0;
  arrivals.forEach((arrival, at) => {
    atMs += arrival.afterMs;
    const rows = Math.min(arrival.rows, rules.maxSize);
    const request: Request = { ...arrival, rows, at, arrivedMs: atMs, answers: [], answeredMs: Number.NaN };
    requests.push(request);
    clock.at(atMs * 1e6, () => {
      const { priority, timeoutMs, width, giveUpMs } = request;
      const ticket = scheduler.admit(undefined, { id: `r${at}`, priority, timeoutUs: timeoutMs * 1000 });
      ticket.run(new Map([["x", rowsOf(at, rows, width)]]), ["y"], (outcome) => {
        request.answers.push(outcome);
        request.answeredMs = clock.nowNs() / 1e6;
        answered.push(at);
      });
      if (giveUpMs !== undefined) clock.at((request.arrivedMs + giveUpMs) * 1e6, () => ticket.abandon());
    });
  });
  await clock.runAll();
  expect(scheduler.idle).toBe(true);
  expect(scheduler.waiting).toBe(0);
  return { requests, batches, answered };
}

const levelOf = ({ priority }: Arrival, { levels }: Rules): number =>
  priority >= 1 && priority <= levels ? priority : levels;

/** How long a request may wait by its policy, in milliseconds. */
function patience({ timeoutMs }: Arrival, rules: Rules): number {
  const usual = rules.timeoutMs === 0 ? Number.POSITIVE_INFINITY : rules.timeoutMs;
  return rules.override && timeoutMs > 0 && rules.timeoutMs > 0 ? Math.min(timeoutMs, usual) : usual;
}

describe("dynamic batching, any pattern of arrivals", () => {
  const always = (check: (rules: Rules, history: History) => void): Promise<void> =>
    fc.assert(
      fc.asyncProperty(rulesOf, arrivalsOf, async (rules, arrivals) => {
        check(rules, await play(rules, arrivals));
      }),
      { numRuns: 300 },
    );

  it("answers every request once, with its own rows or the reason why not", () =>
    always((rules, { requests, batches }) => {
      for (const request of requests) {
        expect(request.answers).toHaveLength(1);
        const [answer] = request.answers;
        const ran = batches.filter(({ members }) => members.includes(request.at));
        if (answer instanceof Refusal) {
          expect(ran).toHaveLength(0);
          const texts = [
            `[request id: r${request.at}] Exceeds maximum queue size`,
            "Request timeout expired",
            "the request was cancelled before it ran",
          ];
          expect(texts).toContain(answer.message);
          if (answer.message.endsWith("size")) expect(rules.maxQueue).toBeGreaterThan(0);
        } else {
          expect(ran).toHaveLength(1);
          const y = answer?.get("y");
          expect(y).toEqual({
            ...rowsOf(request.at, request.rows, request.width),
            movable: expect.anything(),
          });
        }
      }
    }));

  it("keeps to the limit, and mixes no shapes", () =>
    always((rules, { requests, batches }) => {
      for (const { members } of batches) {
        const jobs = members.map((at) => requests[at]);
        const rows = jobs.reduce((sum, job) => sum + (job?.rows ?? 0), 0);
        expect(rows).toBeLessThanOrEqual(rules.maxSize);
        expect(new Set(jobs.map((job) => job?.width)).size).toBe(1);
      }
    }));

  it("takes the more urgent first, and of one level the older, unless it is late", () =>
    always((rules, { requests, batches }) => {
      batches.forEach(({ members, atMs }, index) => {
        const later = new Set(batches.slice(index + 1).flatMap((batch) => batch.members));
        for (const other of requests) {
          // Those of the same moment may have come after the batch was made.
          if (!later.has(other.at) || other.arrivedMs >= atMs) continue;
          const late = atMs - other.arrivedMs >= patience(other, rules);
          for (const at of members) {
            const job = requests[at];
            if (job === undefined) continue;
            expect(levelOf(job, rules)).toBeLessThanOrEqual(levelOf(other, rules));
            if (levelOf(job, rules) === levelOf(other, rules) && !late) expect(job.at).toBeLessThan(other.at);
          }
        }
      });
    }));

  it("lets nobody wait beyond the delay beside an idle instance", () =>
    always((rules, { requests, batches }) => {
      for (const request of requests) {
        const ran = batches.find(({ members }) => members.includes(request.at));
        if (ran === undefined) continue;
        const readyMs = request.arrivedMs + rules.delayMs;
        for (let ms = readyMs + 0.5; ms < ran.atMs; ms += 1)
          expect(batches.filter(({ atMs, endMs }) => atMs < ms && endMs > ms)).toHaveLength(rules.instances);
      }
    }));

  it("runs before the delay is over only what has a preferred size, or can grow no further", () =>
    always((rules, { requests, batches }) => {
      const largest = Math.max(...rules.preferred);
      batches.forEach(({ members, atMs }, index) => {
        const jobs = members.flatMap((at) => requests[at] ?? []);
        const rows = jobs.reduce((sum, job) => sum + job.rows, 0);
        const oldest = Math.min(...jobs.map(({ arrivedMs }) => arrivedMs));
        if (rules.delayMs === 0 || atMs >= oldest + rules.delayMs) return;
        if (rules.preferred.includes(rows) || rows >= largest) return;
        const later = new Set(batches.slice(index + 1).flatMap((batch) => batch.members));
        const stopping = requests.filter(
          (other) =>
            other.arrivedMs <= atMs &&
            (later.has(other.at) || other.answeredMs >= atMs) &&
            !members.includes(other.at) &&
            (other.width !== jobs[0]?.width || rows + other.rows > largest),
        );
        expect(stopping.length).toBeGreaterThan(0);
      });
    }));

  it("refuses those that are late when they are, and no others", () =>
    always((rules, { requests }) => {
      for (const request of requests) {
        const [answer] = request.answers;
        const allowed = rules.action === "reject" ? patience(request, rules) : Number.POSITIVE_INFINITY;
        if (answer instanceof Refusal && answer.message === "Request timeout expired") {
          expect(answer.code).toBe("UNAVAILABLE");
          expect(request.answeredMs - request.arrivedMs).toBe(allowed);
        }
      }
    }));

  it("runs nothing after its time where lateness is refused", () =>
    always((rules, { requests, batches }) => {
      if (rules.action !== "reject") return;
      for (const { members, atMs } of batches)
        for (const at of members) {
          const request = requests[at];
          if (request === undefined) continue;
          expect(atMs - request.arrivedMs).toBeLessThan(patience(request, rules));
        }
    }));

  it("answers in the order in which requests left the queue, where order is asked for", () =>
    always((rules, { batches, answered, requests }) => {
      if (!rules.keepsOrder) return;
      const left = batches.flatMap(({ members }) => members);
      const told = answered.filter((at) => !(requests[at]?.answers[0] instanceof Refusal));
      expect(told).toEqual(left);
    }));
});
