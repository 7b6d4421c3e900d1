import { afterEach, describe, expect, test, vi } from "vitest";
import { createSender } from "./sender.ts";
import {
  account,
  closeAll,
  closers,
  forever,
  LOCAL,
  open,
  RATE,
  read,
  receiveFrom,
  relay,
  START,
  series,
} from "./socket-pair.test-support.ts";

afterEach(closeAll);

describe("loss", () => {
  test("one percent dropped on the way, and some damaged: used + gap + late is the total, to the sample", async () => {
    const count = 1000;
    const dropped = new Set([0, 1, 137, 138, 401, 555, 702, 813, 990, 999]);
    const damaged = new Set([20, 500]);
    const sender = await createSender({ endpoint: LOCAL, pattern: "push", markIntervalMs: 50 });
    closers.push(() => sender.abort());
    const middle = await relay(sender.endpoint, (index, frames) => {
      if (dropped.has(index)) return undefined;
      if (damaged.has(index)) frames[1] = Buffer.from(frames[1]!).fill(0xaa, 700, 710);
      return frames;
    });
    const receiver = await receiveFrom(middle, "push");
    const sizes = Array.from({ length: count }, (_, i) => 1 + ((i * 7919) % 97));
    const sending = (async () => {
      let at = START;
      for (const size of sizes) {
        await sender.send(series(at, size));
        at += size;
      }
      await sender.end();
    })();
    const source = await receiver.source();
    const blocks = await read(source);
    await sending;
    const sum = (which: Set<number>) => [...which].reduce((all, i) => all + sizes[i]!, 0);
    account(
      blocks,
      source,
      sizes.reduce((a, b) => a + b, 0),
    );
    expect(source.stats()).toMatchObject({
      gaps: { lost: sum(dropped), damaged: sum(damaged) },
      late: 0,
      lostMessages: dropped.size,
      damagedMessages: damaged.size,
      ending: "ended",
    });
    expect(sender.stats().samples).toBe(source.stats().total);
  });

  test("joining late is a gap from the start of the stream", async () => {
    const sender = await createSender({ endpoint: LOCAL, pattern: "pub", markIntervalMs: 50 });
    closers.push(() => sender.abort());
    for (let i = 0; i < 5; i++) await sender.send(series(START + 10 * i, 10));
    const receivers = await Promise.all(
      (["gap", "skip"] as const).map((lateJoin) => receiveFrom(sender.endpoint, "pub", { lateJoin })),
    );
    await sender.waitForSubscribers(2, { timeoutMs: 10_000 });
    for (let i = 5; i < 8; i++) await sender.send(series(START + 10 * i, 10));
    await sender.end();
    const [withGap, without] = await Promise.all(receivers.map((receiver) => receiver.source()));
    const blocks = await read(withGap!);
    expect(blocks[0]).toMatchObject({ kind: "gap", reason: "lost", start: START, size: 50 });
    account(blocks, withGap!, 80);
    expect(without!.start).toBe(START + 50);
    account(await read(without!), without!, 30);
  });

  test("a sender that dies and comes back on its endpoint goes on in the same source", async () => {
    const { sender, receiver } = await open("pub");
    await sender.send(series(START, 100));
    const source = await receiver.source();
    const blocks = read(source);
    sender.abort();
    // ZeroMQ gives the port back in its own time.
    const options = { endpoint: sender.endpoint, pattern: "pub" as const, markIntervalMs: 50 };
    const again = await vi.waitFor(() => createSender(options), 10_000);
    closers.push(() => again.abort());
    await again.waitForSubscribers(1, { timeoutMs: 20_000 });
    await again.send(series(START + 170, 30));
    await again.end();
    expect((await blocks).map((b) => [b.size, b.kind === "gap" ? b.reason : b.kind])).toEqual([
      [100, "series"],
      [70, "lost"],
      [30, "series"],
    ]);
    account(await blocks, source, 200);
    expect(source.stats().restarts).toBe(1);
  });

  test("after an end, the same channels begin a new source", async () => {
    const { sender, receiver } = await open("pub");
    for (const start of [START, START - 5000]) {
      await sender.send(series(start, 10));
      await sender.end();
      const source = await receiver.source(["H1", "L1"]);
      expect(source.start).toBe(start);
      account(await read(source), source, 10);
    }
  });

  test("what a publisher drops at its high-water mark is lost, and known to the sample", async () => {
    const { sender, receiver } = await open("pub", {
      sender: { highWaterMark: 1 },
      receiver: { highWaterMark: 1, maxBuffered: 1e5 },
    });
    const size = 16_384;
    const count = 400;
    const sending = Array.from({ length: count }, (_, i) => sender.send(series(START + size * i, size)));
    const source = await receiver.source();
    const blocks = read(source);
    await Promise.all(sending);
    await sender.end();
    const got = await blocks;
    account(got, source, size * count);
    expect(source.stats().lostMessages).toBeGreaterThan(0);
    expect(source.stats().gaps.lost).toBe(source.stats().lostMessages * size);
  });

  test("a full buffer: a gap where asked for", async () => {
    const { sender, receiver, notices } = await open("pub", {
      receiver: { maxBuffered: 100 / RATE, overflow: "gap" },
    });
    const arrival = receiver.source();
    for (let i = 0; i < 30; i++) await sender.send(series(START + 10 * i, 10));
    await sender.end();
    const source = await arrival;
    await expect.poll(() => source.stats().ending).toBe("ended");
    const blocks = await read(source);
    expect(blocks.at(-1)).toMatchObject({ kind: "gap", reason: "overflow", size: 200 });
    account(blocks, source, 300);
    expect(notices.filter((n) => n.kind === "overflow")).toHaveLength(20);
  });

  test("a full buffer: an error after what it held, where none is asked for", async () => {
    const { sender, receiver } = await open("pub", { receiver: { maxBuffered: 100 / RATE } });
    const arrival = receiver.source();
    for (let i = 0; i < 30; i++) await sender.send(series(START + 10 * i, 10));
    const source = await arrival;
    await expect.poll(() => source.stats().ending).toBe("failed");
    let used = 0;
    const reading = (async () => {
      for await (const block of source.blocks({ signal: forever })) used += block.size;
    })();
    await expect(reading).rejects.toThrow(expect.objectContaining({ tag: "zeromq-overflow" }));
    expect(used).toBe(100);
  });

  test("push and pull wait for a slow reader, and nothing is lost", async () => {
    const { sender, receiver } = await open("push", {
      sender: { highWaterMark: 2 },
      receiver: { maxBuffered: 0.1, highWaterMark: 2, stallTimeoutMs: 1500 },
    });
    const size = 8192;
    const count = 200;
    let sent = 0;
    const sending = (async () => {
      for (let i = 0; i < count; i++) {
        await sender.send(series(START + size * i, size));
        sent++;
      }
      await sender.end();
    })();
    const source = await receiver.source();
    await new Promise((resolve) => setTimeout(resolve, 1700));
    // Kernel buffers hold some; all of it would be 26 MB.
    expect(sent).toBeLessThan(count);
    account(await read(source), source, size * count);
    await sending;
    expect(source.stats()).toMatchObject({ gap: 0, ending: "ended" });
  });

  test("two detectors, one far ahead, do not lock each other out", async () => {
    const { sender, receiver } = await open("push", { receiver: { maxBuffered: 1 } });
    const sending = (async () => {
      for (let i = 0; i < 4; i++) await sender.send(series(START + 512 * i, 512, ["H1"]));
      for (let i = 0; i < 4; i++) await sender.send(series(START + 512 * i, 512, ["L1"]));
    })();
    const [h1, l1] = await receiver.sources(["H1", "L1"]);
    // H1 had room for two of its four blocks: it has failed and says so, and L1 is served.
    expect(h1!.stats().ending).toBe("failed");
    expect(await read(l1!, 4)).toHaveLength(4);
    await sending;
  });

  test("what is not there in time is given away as late, and dropped when it comes", async () => {
    const { sender, receiver } = await open("pub", { receiver: { lateAfterMs: 100 } });
    await sender.send(series(START, 16));
    const source = await receiver.source();
    const blocks = read(source);
    await expect.poll(() => source.stats().late, { timeout: 20_000 }).toBeGreaterThanOrEqual(32);
    await sender.send(series(START + 16, 16));
    await expect.poll(() => source.stats().lateArrivals).toBe(16);
    await sender.send(series(START + 32, 20_000));
    await sender.end();
    const got = await blocks;
    expect(got[1]).toMatchObject({ kind: "gap", reason: "late", start: START + 16 });
    account(got, source, 20_032);
    expect(source.stats().gap).toBe(0);
  });
});
