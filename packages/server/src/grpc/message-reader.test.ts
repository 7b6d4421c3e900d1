import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { frame } from "../testing/raw-call.ts";
import { MessageReader, MessageTooLarge } from "./message-reader.ts";

describe("messages cut out of chunks", () => {
  const message = fc.record({ flag: fc.nat(255), bytes: fc.uint8Array({ maxLength: 40 }) });

  it("are the same, however the bytes come and whenever they are taken", () => {
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 20 }),
        fc.array(fc.boolean(), { minLength: 1, maxLength: 10 }),
        (messages, sizes, takes) => {
          const bytes = Buffer.concat(messages.map(({ flag, bytes: body }) => frame(body, flag)));
          const reader = new MessageReader(40);
          const read: { flag: number; bytes: number[] }[] = [];
          const take = (): void => {
            for (let next = reader.next(); next !== undefined; next = reader.next())
              read.push({ flag: reader.flag, bytes: [...next] });
          };
          for (let at = 0, i = 0; at < bytes.byteLength; i++) {
            const end = at + (sizes[i % sizes.length] ?? 1);
            reader.push(bytes.subarray(at, end));
            if (takes[i % takes.length]) take();
            at = end;
          }
          take();
          expect(read).toEqual(messages.map(({ flag, bytes: body }) => ({ flag, bytes: [...body] })));
          expect(reader.partial).toBe(false);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("know when one has begun and not ended", () => {
    const whole = frame(Buffer.alloc(3));
    for (let size = 0; size <= whole.byteLength; size++) {
      const reader = new MessageReader(-1);
      reader.push(whole.subarray(0, size));
      const read = reader.next();
      expect([size, read !== undefined, reader.partial]).toEqual([size, size === 8, size > 0 && size < 8]);
    }
  });

  it("are refused by their length, before their bytes come", () => {
    const reader = new MessageReader(10);
    reader.push(frame(Buffer.alloc(10)));
    expect(reader.next()?.byteLength).toBe(10);
    reader.push(frame(Buffer.alloc(11)).subarray(0, 5));
    expect(() => reader.next()).toThrow(new MessageTooLarge("Received message larger than max (11 vs 10)"));
    const any = new MessageReader(-1);
    any.push(Buffer.of(0, 0xff, 0xff, 0xff, 0xff));
    expect(any.next()).toBeUndefined();
  });

  it("do not keep a large chunk in memory for a small message's sake", () => {
    const reader = new MessageReader(-1);
    const slab = Buffer.concat([frame(Buffer.alloc(50, 1)), frame(Buffer.alloc(60_000, 2))]);
    const chunk = Buffer.from(new Uint8Array(slab).buffer);
    reader.push(chunk);
    expect(reader.next()?.buffer).not.toBe(chunk.buffer);
    expect(reader.next()?.buffer).toBe(chunk.buffer);
  });
});
