import type { Block } from "@strainflow/series";
import { afterEach, describe, expect, test } from "vitest";
import { Push, Subscriber, XPublisher } from "zeromq";
import { receive } from "./receiver.ts";
import { createSender } from "./sender.ts";
import {
  closeAll,
  closers,
  LOCAL,
  open,
  read,
  receiveFrom,
  START,
  series,
} from "./socket-pair.test-support.ts";

afterEach(closeAll);

describe("both sides close at once", () => {
  test.each(["pub", "push"] as const)("%s: whoever is first, nothing fails", async (pattern) => {
    for (let round = 0; round < 40; round++) {
      const { sender, receiver } = await open(pattern);
      await sender.send(series(START, 10));
      if (round % 4 < 2) await receiver.source();
      const closing = round % 2 === 0 ? [receiver, sender] : [sender, receiver];
      await Promise.all(closing.map((side) => side.close()));
    }
  });

  test("a bound receiver and its sender", async () => {
    for (let round = 0; round < 40; round++) {
      const receiver = await receive({ endpoint: LOCAL, pattern: "pull", bind: true });
      const sender = await createSender({ endpoint: receiver.endpoint, pattern: "push", bind: false });
      await sender.send(series(START, 10));
      if (round % 4 < 2) await receiver.source();
      const closing = round % 2 === 0 ? [receiver, sender] : [sender, receiver];
      await Promise.all(closing.map((side) => side.close()));
    }
  });
});

describe("what else comes over a socket", () => {
  test("foreign, broken and oversized messages do no harm", async () => {
    const output = new Push({ linger: 0 });
    await output.bind("tcp://127.0.0.1:*");
    closers.push(() => output.close());
    const receiver = await receiveFrom(output.lastEndpoint!, "push", { maxMessageBytes: 200_000 });
    await output.send("hello");
    await output.send(["SFS1", "x"]);
    await output.send(["a", "b", "c"]);
    for (let i = 0; i < 50; i++)
      await output.send([Buffer.concat([Buffer.from("SFS1"), Buffer.alloc(i * 3, i)]), Buffer.alloc(i)]);
    await expect.poll(() => receiver.foreignMessages).toBe(53);
    await output.send([Buffer.alloc(300_000), "x"]);
    // The connection was dropped for that, and comes again.
    await expect
      .poll(
        async () => {
          await output.send("hello");
          return receiver.foreignMessages;
        },
        { timeout: 20_000 },
      )
      .toBeGreaterThan(53);
  });

  test("a subscriber gets nothing of other protocols on its endpoint", async () => {
    const output = new XPublisher({ linger: 0 });
    await output.bind("tcp://127.0.0.1:*");
    closers.push(() => output.close());
    const receiver = await receiveFrom(output.lastEndpoint!, "pub");
    expect(await output.receive()).toEqual([Buffer.from("\x01SFS1")]);
    await output.send(["other", "thing"]);
    await output.send(["SFS1", "thing"]);
    await expect.poll(() => receiver.foreignMessages).toBe(1);
  });

  test("options and endpoints that cannot be are refused", async () => {
    const invalid = expect.objectContaining({ tag: "invalid-option" });
    await expect(receive({ endpoint: LOCAL, pattern: "sub", overflow: "wait" })).rejects.toThrow(invalid);
    await expect(receive({ endpoint: LOCAL, pattern: "sub", maxBuffered: 0 })).rejects.toThrow(invalid);
    await expect(createSender({ endpoint: LOCAL, pattern: "pub", highWaterMark: 0 })).rejects.toThrow(
      invalid,
    );
    const unusable = expect.objectContaining({ tag: "zeromq-endpoint" });
    await expect(createSender({ endpoint: "tcp://nowhere", pattern: "pub" })).rejects.toThrow(unusable);
    await expect(receive({ endpoint: "strain", pattern: "sub" })).rejects.toThrow(unusable);
  });

  test("a block that does not continue its stream is refused by the sender", async () => {
    const { sender } = await open("pub");
    await sender.send(series(START, 10));
    await expect(sender.send(series(START + 11, 10))).rejects.toThrow(
      expect.objectContaining({ tag: "not-contiguous" }),
    );
  });
});

describe("closing", () => {
  test("ends whatever waits: sources, readers, sends", async () => {
    const { sender, receiver } = await open("push");
    await sender.send(series(START, 10));
    const source = await receiver.source();
    const reading = read(source);
    const other = receiver.source(["V1"]);
    const refused = expect(other).rejects.toThrow(expect.objectContaining({ tag: "zeromq-closed" }));
    await receiver.close();
    await refused;
    expect(await reading).toHaveLength(1);
    expect(source.stats().ending).toBe("closed");
    await expect(read(source)).rejects.toThrow(expect.objectContaining({ tag: "zeromq-read-twice" }));

    const alone = await createSender({ endpoint: LOCAL, pattern: "push" });
    const waiting = expect(alone.send(series(START, 10))).rejects.toThrow(
      expect.objectContaining({ tag: "zeromq-closed" }),
    );
    alone.abort();
    await waiting;
    await expect(alone.send(series(START, 10))).rejects.toThrow(
      expect.objectContaining({ tag: "zeromq-closed" }),
    );
  });

  test("a reader's signal ends it while it waits, and the receiver's signal ends everything", async () => {
    const abort = new AbortController();
    const { sender, receiver } = await open("pub", {
      receiver: { signal: abort.signal },
      sender: { signal: abort.signal },
    });
    await sender.send(series(START, 10));
    const source = await receiver.source();
    const own = new AbortController();
    setTimeout(() => own.abort(), 20);
    const seen: Block[] = [];
    for await (const block of source.blocks({ signal: own.signal })) seen.push(block);
    expect(seen).toHaveLength(1);
    abort.abort();
    await expect(receiver.source()).rejects.toThrow(expect.objectContaining({ tag: "zeromq-closed" }));
    await expect(sender.send(series(START + 10, 10))).rejects.toThrow(
      expect.objectContaining({ tag: "zeromq-closed" }),
    );
    await expect(sender.waitForSubscribers(5)).rejects.toThrow(
      expect.objectContaining({ tag: "zeromq-closed" }),
    );
  });

  test("waiting for subscribers has a limit, and counts them as they leave", async () => {
    const { sender, receiver } = await open("pub");
    expect(sender.subscribers).toBe(1);
    await expect(sender.waitForSubscribers(2, { timeoutMs: 20 })).rejects.toThrow(
      expect.objectContaining({ tag: "zeromq-no-subscribers" }),
    );
    await receiver.close();
    await expect.poll(() => sender.subscribers).toBe(0);
    const raw = new Subscriber({ linger: 0 });
    raw.connect(sender.endpoint);
    raw.subscribe();
    await sender.waitForSubscribers(1, { timeoutMs: 10_000 });
    raw.close();
  });
});
