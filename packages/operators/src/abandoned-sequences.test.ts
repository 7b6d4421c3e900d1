import { describe, expect, it } from "vitest";
import { createAbandonedSequences } from "./abandoned-sequences.ts";

const unknown = new Error("must specify the START flag on the first request of the sequence");

describe("abandoned sequences", () => {
  it("are ended once, and again where the stream with their END was lost", () => {
    const abandoned = createAbandonedSequences(() => 0);
    abandoned.add(5n, true);
    expect(abandoned.due()).toEqual([5n]);
    expect(abandoned.due()).toEqual([]);
    expect(abandoned.all()).toEqual([5n]);
    abandoned.lost();
    expect(abandoned.due()).toEqual([5n]);
    abandoned.answered(5n, undefined);
    abandoned.lost();
    expect(abandoned.due()).toEqual([]);
    expect(abandoned.all()).toEqual([]);
  });

  it("that the server does not know are done with if they had begun, since nothing of them is under way", () => {
    const abandoned = createAbandonedSequences(() => 0);
    abandoned.add(5n, true);
    abandoned.due();
    abandoned.answered(5n, unknown);
    expect(abandoned.all()).toEqual([]);
  });

  it("whose START may still arrive are ended again at growing intervals, for 23 minutes", () => {
    let now = 0;
    const abandoned = createAbandonedSequences(() => now);
    abandoned.add(5n, false);
    const sentAt: number[] = [];
    for (; now < 3_600_000; now += 1000) {
      if (abandoned.due().length === 0) continue;
      sentAt.push(now / 1000);
      abandoned.answered(5n, unknown);
    }
    expect(sentAt).toEqual([0, 1, 5, 21, 85, 341, 1365]);
    expect(abandoned.all()).toEqual([]);
  });

  it("are forgotten as soon as one of those ENDs found them", () => {
    let now = 0;
    const abandoned = createAbandonedSequences(() => now);
    abandoned.add(5n, false);
    abandoned.due();
    abandoned.answered(5n, unknown);
    now = 1000;
    expect(abandoned.due()).toEqual([5n]);
    abandoned.answered(5n, undefined);
    expect(abandoned.all()).toEqual([]);
  });
});
