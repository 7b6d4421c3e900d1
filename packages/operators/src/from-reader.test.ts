import { type Block, endOf, type Reader } from "@strainflow/series";
import { concatMap, firstValueFrom, Observable, take, toArray } from "rxjs";
import { describe, expect, it } from "vitest";
import { fromReader } from "./from-reader.ts";

const block = (ifo: string, start: number, size: number, sampleRate = 4): Block<"strain"> => ({
  kind: "series",
  quantity: "strain",
  start,
  size,
  sampleRate,
  channels: [ifo],
  data: [new Float64Array(size).fill(start)],
});

interface Counted extends Reader<"strain"> {
  pulled: number;
  closed: boolean;
}

/** `count` blocks of one second. */
function counted(ifo: string, count: number, startSeconds = 0): Counted {
  const reader: Counted = {
    format: { sampleRate: 4, channels: [ifo] },
    start: startSeconds * 4,
    pulled: 0,
    closed: false,
    async *blocks({ signal }) {
      try {
        for (let i = 0; i < count && !signal.aborted; i++) {
          reader.pulled++;
          yield block(ifo, (startSeconds + i) * 4, 4);
        }
      } finally {
        reader.closed = true;
      }
    },
  };
  return reader;
}

describe("fromReader", () => {
  it("gives all blocks in order, and completes", async () => {
    const out = await firstValueFrom(fromReader(counted("H1", 5)).pipe(toArray()));
    expect(out.map((b) => b.start)).toEqual([0, 4, 8, 12, 16]);
  });

  it("pulls of several readers the one that is behind", async () => {
    const out = await firstValueFrom(fromReader([counted("H1", 4), counted("L1", 4, 2)]).pipe(toArray()));
    expect(out.map((b) => `${b.channels[0]}@${b.start / 4}`)).toEqual([
      "H1@0",
      "H1@1",
      "H1@2",
      "L1@2",
      "H1@3",
      "L1@3",
      "L1@4",
      "L1@5",
    ]);
  });

  it("reads no further ahead of a stage than it may, and never deadlocks on a stage that needs more", async () => {
    const reader = counted("H1", 60);
    let mostAhead = 0;
    const slow = fromReader(reader, { maxAhead: 8 }).pipe(
      (source) =>
        new Observable<Block>((subscriber) => {
          const queue: Block[] = [];
          let done = false;
          let busy = false;
          let stage: ReturnType<NonNullable<Block["flow"]>["join"]> | undefined;
          const work = async (): Promise<void> => {
            if (busy) return;
            busy = true;
            // Needs 12 s before it can do anything: more than maxAhead.
            while (queue.length >= 12 || (done && queue.length > 0)) {
              stage?.idle(false);
              await new Promise((resolve) => setTimeout(resolve, 1));
              const next = queue.shift()!;
              mostAhead = Math.max(mostAhead, reader.pulled - endOf(next) / 4);
              stage?.covered(BigInt(endOf(next) / 4) * 1_000_000_000n);
              subscriber.next(next);
            }
            stage?.idle(true);
            busy = false;
            if (done && queue.length === 0) subscriber.complete();
          };
          return source.subscribe({
            next(b) {
              stage ??= b.flow!.join();
              queue.push(b);
              void work();
            },
            complete() {
              done = true;
              void work();
            },
          });
        }),
    );
    const out = await firstValueFrom(slow.pipe(toArray()));
    expect(out).toHaveLength(60);
    expect(mostAhead).toBeLessThanOrEqual(13);
  });

  it("closes the reader when unsubscribed", async () => {
    const reader = counted("H1", 1e9);
    await firstValueFrom(fromReader(reader).pipe(take(3), toArray()));
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(reader.pulled).toBeLessThan(8);
    const before = reader.pulled;
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(reader.pulled).toBe(before);
  });

  it("passes a reader's error on, after what came before it", async () => {
    const failing: Reader<"strain"> = {
      ...counted("H1", 0),
      async *blocks() {
        yield block("H1", 0, 4);
        throw new Error("disk gone");
      },
    };
    const seen: number[] = [];
    await expect(
      firstValueFrom(
        fromReader(failing).pipe(
          concatMap(async (b) => seen.push(b.start)),
          toArray(),
        ),
      ),
    ).rejects.toThrow("disk gone");
    expect(seen).toEqual([0]);
  });
});
