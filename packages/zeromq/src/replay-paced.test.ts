import { type Block, endOf, indexToNs, secondsToNs, timeSeries, utcToGps } from "@strainflow/series";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ReplayClock, replayPaced } from "./replay-paced.ts";

const RATE = 4096;
const START = 1_126_259_446 * RATE;

function blocks(sizes: readonly number[], start = START): Block<"strain">[] {
  let at = start;
  return sizes.map((size) => {
    const data = [Float64Array.from({ length: size }, (_, i) => i)];
    const block = timeSeries({
      quantity: "strain" as const,
      channels: ["H1"],
      sampleRate: RATE,
      start: at,
      data,
    });
    at += size;
    return block;
  });
}

/** A clock that only sleeping moves, each time too long by `lagMs`. */
function testClock(lagMs = 0): ReplayClock & { now: number } {
  const clock = {
    now: 1000,
    nowMs: () => clock.now,
    sleep: async (ms: number) => {
      clock.now += ms + lagMs;
    },
  };
  return clock;
}

async function take<T>(iterable: AsyncIterable<T>, count: number): Promise<T[]> {
  const out: T[] = [];
  for await (const item of iterable) {
    out.push(item);
    if (out.length >= count) break;
  }
  return out;
}

describe("paced replay", () => {
  test("a block is due when its last sample would be, and delays do not add up", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 40 }),
        fc.double({ min: 0.01, max: 100, noNaN: true }),
        fc.double({ min: 0, max: 50, noNaN: true }),
        async (sizes, speed, lagMs) => {
          const clock = testClock(lagMs);
          for await (const block of replayPaced(blocks(sizes), { speed, clock })) {
            const due = 1000 + ((endOf(block) - START) / RATE / speed) * 1000;
            expect(clock.now).toBeGreaterThanOrEqual(due - 1e-6);
            expect(clock.now).toBeLessThanOrEqual(due + lagMs + 1e-6);
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  test("at infinite speed nothing waits", async () => {
    const clock = testClock();
    expect(await take(replayPaced(blocks([5, 6, 7]), { speed: Number.POSITIVE_INFINITY, clock }), 9)).toEqual(
      blocks([5, 6, 7]),
    );
    expect(clock.now).toBe(1000);
  });

  test("re-stamping moves by whole seconds, to the instant or less than a second after", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(RATE - 1),
        fc.bigInt({ min: 0n, max: 2_000_000_000n * 1_000_000_000n }),
        async (phase, restampTo) => {
          const [moved] = await take(
            replayPaced(blocks([10], START + phase), { speed: Number.POSITIVE_INFINITY, restampTo }),
            1,
          );
          expect(Math.abs((moved!.start - START - phase) % RATE)).toBe(0);
          const off = indexToNs(moved!.start, RATE) - restampTo;
          expect(off >= 0n && off < 1_000_000_000n).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
    const before = secondsToNs(utcToGps(new Date()));
    const [now] = await take(
      replayPaced(blocks([10]), { speed: Number.POSITIVE_INFINITY, restampTo: "now" }),
      1,
    );
    expect(indexToNs(now!.start, RATE) - before < 5_000_000_000n).toBe(true);
  });

  test("a loop is contiguous for ever, from a reader or an array", async () => {
    const once = blocks([100, 50, 7]);
    const reader = {
      async *blocks() {
        yield* once;
      },
    };
    for (const input of [once, reader]) {
      const clock = testClock();
      const got = await take(replayPaced(input, { loop: true, clock, restampTo: 5n }), 10);
      for (let i = 1; i < got.length; i++) expect(got[i]!.start).toBe(endOf(got[i - 1]!));
      expect(got.map((b) => b.size)).toEqual([100, 50, 7, 100, 50, 7, 100, 50, 7, 100]);
      expect(clock.now).toBeCloseTo(1000 + ((157 * 3 + 100) / RATE) * 1000, 6);
    }
  });

  test("a loop over what can be read only once says so", async () => {
    const [...once] = blocks([10]);
    await expect(take(replayPaced(once.values(), { loop: true, clock: testClock() }), 5)).rejects.toThrow(
      expect.objectContaining({ tag: "replay-empty" }),
    );
  });

  test("aborting ends it at once, also while it waits", async () => {
    const abort = new AbortController();
    const replay = replayPaced(blocks([RATE * 1000, 1]), { signal: abort.signal });
    setTimeout(() => abort.abort(), 20);
    expect(await take(replay, 5)).toEqual([]);
  });
});
