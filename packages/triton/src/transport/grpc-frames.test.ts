import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compressed, createFrameReader, decompressor, framed } from "./grpc-frames.ts";

function read(chunks: readonly Buffer[]) {
  const messages: string[] = [];
  const reader = createFrameReader((message) => messages.push(message.toString("hex")));
  const sound = chunks.every((chunk) => reader.push(chunk));
  return { messages, sound, isPartial: reader.isPartial };
}

describe("messages inside a stream", () => {
  it("are the same however the stream is cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 }),
        fc.boolean(),
        (messages, cuts, whole) => {
          const bytes = Buffer.concat(messages.flatMap((message) => [...framed(message)]));
          const end = whole ? bytes.length : Math.max(0, bytes.length - 1);
          const chunks: Buffer[] = [];
          for (let at = 0, i = 0; at < end; i++) {
            const to = Math.min(end, at + cuts[i % cuts.length]!);
            chunks.push(bytes.subarray(at, to));
            at = to;
          }
          const complete = whole ? messages : messages.slice(0, -1);
          expect(read(chunks)).toEqual({
            messages: complete.map((message) => Buffer.from(message).toString("hex")),
            sound: true,
            isPartial: !whole && messages.length > 0,
          });
        },
      ),
      { numRuns: 200 },
    );
  });

  it("that come in several chunks end at a multiple of eight, so that a last tensor needs no copy", () => {
    fc.assert(
      fc.property(fc.integer({ min: 20, max: 5000 }), fc.integer({ min: 6, max: 19 }), (size, cut) => {
        const bytes = Buffer.concat([...framed(new Uint8Array(size)), ...framed(new Uint8Array(3))]);
        const ends: number[] = [];
        const reader = createFrameReader((message) => ends.push((message.byteOffset + message.length) % 8));
        reader.push(bytes.subarray(0, cut));
        reader.push(bytes.subarray(cut));
        expect(ends).toHaveLength(2);
        expect(ends[0]).toBe(0);
      }),
    );
  });

  it.each(["gzip", "deflate"] as const)(
    "are read when they are compressed by %s, and were so announced",
    (coding) => {
      const messages: string[] = [];
      const reader = createFrameReader((message) => messages.push(message.toString()));
      reader.decompress = decompressor(coding);
      const bytes = Buffer.concat([
        ...compressed(framed(Buffer.from("one".repeat(100))), coding),
        ...framed(Buffer.from("two")),
        ...compressed(framed(Buffer.from("three")), coding),
      ]);
      for (let at = 0; at < bytes.length; at += 7) expect(reader.push(bytes.subarray(at, at + 7))).toBe(true);
      expect(messages).toEqual(["one".repeat(100), "two", "three"]);
      expect(reader.push(Buffer.from([1, 0, 0, 0, 3, 9, 9, 9]))).toBe(false);
      expect(decompressor("snappy")).toBeUndefined();
    },
  );

  it("are refused when they are compressed", () => {
    const sound = Buffer.concat([...framed(new Uint8Array([1]))]);
    expect(read([sound, Buffer.from([1, 0, 0, 0, 1, 9])])).toMatchObject({ messages: ["01"], sound: false });
  });

  it("take no memory for a length that is only announced", () => {
    const before = process.memoryUsage().arrayBuffers;
    const { messages, isPartial } = read([Buffer.from([0, 255, 255, 255, 255]), Buffer.alloc(10)]);
    expect([messages, isPartial]).toEqual([[], true]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 24);
  });
});
