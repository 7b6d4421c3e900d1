import { describe, expect, it } from "vitest";
import { FramePool } from "./frame-pool.ts";

describe("memory of frames", () => {
  it("is used again once it was given back, and only then", () => {
    const pool = new FramePool();
    const first = pool.take(16_400);
    const second = pool.take(16_400);
    expect(first.byteLength).toBe(16_400);
    expect(second.buffer).not.toBe(first.buffer);
    pool.giveBack(first);
    const third = pool.take(17_000);
    expect(third.buffer).toBe(first.buffer);
    expect(third.byteLength).toBe(17_000);
    expect(pool.take(16_400).buffer).not.toBe(first.buffer);
  });

  it("is lent once, however often it is given back", () => {
    const pool = new FramePool();
    const frame = pool.take(5000);
    pool.giveBack(frame);
    pool.giveBack(frame);
    expect(pool.take(5000).buffer).toBe(frame.buffer);
    expect(pool.take(5000).buffer).not.toBe(frame.buffer);
  });

  it("of others is not taken", () => {
    const pool = new FramePool();
    const others = Buffer.from(new ArrayBuffer(8192), 0, 8000);
    pool.giveBack(others);
    expect(pool.take(8000).buffer).not.toBe(others.buffer);
    const small = pool.take(100);
    pool.giveBack(small);
    expect(small.byteLength).toBe(100);
  });

  it("is kept for later up to 16 MiB", () => {
    const pool = new FramePool();
    const frames = Array.from({ length: 10 }, () => pool.take(4 * 2 ** 20));
    for (const frame of frames) pool.giveBack(frame);
    const again = new Set(Array.from({ length: 10 }, () => pool.take(4 * 2 ** 20).buffer));
    expect(frames.filter(({ buffer }) => again.has(buffer))).toHaveLength(4);
  });
});
