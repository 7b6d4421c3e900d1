import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import {
  account,
  closeAll,
  gap,
  joinGaps,
  open,
  RATE,
  read,
  START,
  series,
} from "./socket-pair.test-support.ts";

afterEach(closeAll);

describe.each(["pub", "push"] as const)("%s", (pattern) => {
  test("what is sent is received: values, gaps and the end", async () => {
    const parts = fc.array(fc.tuple(fc.integer({ min: 1, max: 3000 }), fc.boolean()), {
      minLength: 1,
      maxLength: 40,
    });
    for (const list of fc.sample(parts, { numRuns: 5, seed: 11 })) {
      const { sender, receiver } = await open(pattern);
      let at = START;
      const sent = list.map(([size, isGap]) => {
        const block = isGap ? gap(at, size) : series(at, size);
        at += size;
        return block;
      });
      const arrival = receiver.source();
      for (const block of sent) await sender.send(block);
      await sender.end();
      const source = await arrival;
      expect(source.format).toEqual({ sampleRate: RATE, channels: ["H1", "L1"] });
      expect(source.start).toBe(START);
      const got = await read(source);
      // Neighbouring gaps of one reason may come as one.
      expect(joinGaps(got)).toEqual(joinGaps(sent));
      account(got, source, at - START);
      expect(source.stats()).toMatchObject({ ending: "ended", lostMessages: 0, messages: sent.length });
      expect(sender.stats()).toEqual({ messages: sent.length, samples: at - START });
    }
  });

  test("detectors in streams of their own are sources of their own, whatever the order", async () => {
    const { sender, receiver } = await open(pattern);
    const both = receiver.sources(["H1", "L1"]);
    for (let i = 0; i < 6; i++) {
      await sender.send(series(START + 64 * i, 64, ["L1"]));
      if (i % 2 === 1) await sender.send(series(START + 32 * (i - 1), 64, ["H1"]));
    }
    await sender.end(["L1"]);
    await sender.end();
    const [h1, l1] = await both;
    expect([h1?.format.channels, l1?.format.channels]).toEqual([["H1"], ["L1"]]);
    const [h1Blocks, l1Blocks] = await Promise.all([read(h1!), read(l1!)]);
    account(h1Blocks, h1!, 3 * 64);
    account(l1Blocks, l1!, 6 * 64);
  });

  test("channels are picked out of a message, and messages without any are ignored", async () => {
    const { sender, receiver } = await open(pattern, { receiver: { channels: ["L1"] } });
    const arrival = receiver.source(["L1"]);
    await sender.send(series(START, 10, ["V1"]));
    await sender.send(series(START, 10, ["H1", "L1"]));
    await sender.end();
    const source = await arrival;
    const [block] = await read(source);
    expect(block).toMatchObject({ channels: ["L1"], size: 10 });
    expect(block?.kind === "series" && block.data[0]?.[3]).toBe(START + 3 + 1 / 8);
  });

  test("a stall ends the source: with a gap up to the announced end, or as it stands", async () => {
    const { sender, receiver } = await open(pattern, {
      sender: { markIntervalMs: Number.POSITIVE_INFINITY },
      receiver: { stallTimeoutMs: 300 },
    });
    await sender.send(series(START, 100, ["H1"]), { streamEnd: START + 450 });
    await sender.send(series(START, 100, ["L1"]));
    const [h1, l1] = await receiver.sources(["H1", "L1"]);
    expect(h1!.end).toBe(START + 450);
    const [known, unknown] = await Promise.all([read(h1!), read(l1!)]);
    expect(known.map((b) => [b.size, b.kind === "gap" ? b.reason : b.kind])).toEqual([
      [100, "series"],
      [350, "lost"],
    ]);
    account(known, h1!, 450);
    expect(unknown).toHaveLength(1);
    expect([h1!.stats().ending, l1!.stats().ending]).toEqual(["stalled", "stalled"]);
    await expect(receiver.source()).rejects.toThrow(expect.objectContaining({ tag: "zeromq-stalled" }));
  });
});
