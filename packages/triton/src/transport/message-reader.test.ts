import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compressed, decompressor, framed } from "./grpc-frames.ts";
import { createMessageReader } from "./message-reader.ts";

/** Pushes bytes cut anywhere, all through one piece of memory that is overwritten in between. */
function read(bytes: Buffer, cuts: readonly number[], isLent: boolean, coding?: "gzip" | "deflate") {
  const given: string[] = [];
  const kept: Buffer[] = [];
  const reader = createMessageReader((message) => {
    given.push(message.toString("hex"));
    kept.push(message);
  }, isLent);
  reader.decompress = decompressor(coding);
  const memory = Buffer.alloc(64);
  let sound = true;
  for (let at = 0, i = 0; at < bytes.length && sound; i++) {
    const size = Math.min(bytes.length - at, cuts[i % cuts.length]!);
    bytes.copy(memory, 0, at, at + size);
    sound = reader.push(memory.subarray(0, size));
    memory.fill(0xee);
    at += size;
  }
  return { given, kept, sound, isPartial: reader.isPartial };
}

const cuts = fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 20 });
const messages = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 });

describe("messages read from memory that is used again", () => {
  it("are the same however they are cut, and stay so, unless they are lent", () => {
    fc.assert(
      fc.property(messages, cuts, fc.boolean(), (sent, cut, isLent) => {
        const { given, kept, sound, isPartial } = read(
          Buffer.concat(sent.flatMap((message) => [...framed(message)])),
          cut,
          isLent,
        );
        const expected = sent.map((message) => Buffer.from(message).toString("hex"));
        expect([given, sound, isPartial]).toEqual([expected, true, false]);
        if (!isLent) expect(kept.map((message) => message.toString("hex"))).toEqual(expected);
        for (const message of kept) expect((message.byteOffset + message.length) % 8).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  it.each(["gzip", "deflate"] as const)(
    "are decompressed where they say that they are compressed by %s",
    (coding) => {
      const plain = [Buffer.from("one".repeat(100)), Buffer.from("two")];
      const bytes = Buffer.concat([...compressed(framed(plain[0]!), coding), ...framed(plain[1]!)]);
      for (const isLent of [true, false])
        expect(read(bytes, [7, 1, 30], isLent, coding)).toMatchObject({
          given: plain.map((each) => each.toString("hex")),
          sound: true,
        });
      expect(read(Buffer.from([1, 0, 0, 0, 3, 9, 9, 9]), [64], false, coding).sound).toBe(false);
      expect(decompressor("snappy")).toBeUndefined();
      expect(read(Buffer.from([1, 0, 0, 0, 1, 9]), [64], false).sound).toBe(false);
    },
  );

  it("take no memory for a length that is only announced, and grow as they come", () => {
    const before = process.memoryUsage().arrayBuffers;
    expect(read(Buffer.from([0, 255, 255, 255, 255, 1, 2, 3]), [64], false).isPartial).toBe(true);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 24);
    const large = Buffer.alloc(9 * 1024 * 1024, "0123456");
    for (const isLent of [true, false]) {
      let whole: Buffer | undefined;
      const reader = createMessageReader((message) => {
        whole = message;
      }, isLent);
      const bytes = Buffer.concat([...framed(large)]);
      for (let at = 0; at < bytes.length; at += 1_000_000) reader.push(bytes.subarray(at, at + 1_000_000));
      expect(whole?.equals(large)).toBe(true);
    }
  });
});
