import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { WireReader } from "./wire-reader.ts";

describe("protobuf's wire format", () => {
  it("is read as the generated code's reader reads it", () => {
    const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    fc.assert(
      fc.property(
        int64,
        uint64,
        fc.nat(2 ** 32 - 1),
        fc.double({ noNaN: true }),
        fc.string({ unit: "grapheme", maxLength: 300 }),
        fc.boolean(),
        (signed, unsigned, small, real, text, flag) => {
          const writer = new BinaryWriter().int64(signed).int64(signed).uint64(unsigned).uint32(small);
          const bytes = writer.double(real).string(text).bool(flag).finish();
          const reader = new WireReader(bytes);
          const read = [reader.int64(), reader.int64AsNumber(), reader.uint64(), reader.uint32()];
          expect(read).toEqual([signed, Number(signed), unsigned, small]);
          expect([reader.double(), reader.string(), reader.bool()]).toEqual([real, text, flag]);
          expect(reader.pos).toBe(bytes.byteLength);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("is passed over as the generated code's reader does, whatever the bytes are", () => {
    // Fields of all kinds, some of them broken.
    const chunk = fc.oneof(
      fc.uint8Array({ maxLength: 12 }),
      fc
        .tuple(
          fc.integer({ min: 1, max: 20 }),
          fc.integer({ min: 0, max: 5 }),
          fc.uint8Array({ maxLength: 9 }),
        )
        .map(([field, type, rest]) => Uint8Array.of((field << 3) | type, ...rest)),
      fc.integer({ min: 1, max: 15 }).map((field) => Uint8Array.of((field << 3) | 3, 8, 1, (field << 3) | 4)),
    );
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 6 }), (chunks) => {
        const bytes = Buffer.concat(chunks);
        const passed = (step: () => number): number | string => {
          try {
            let at = 0;
            while (at < bytes.byteLength) at = step();
            return at;
          } catch {
            return "broken";
          }
        };
        const theirs = new BinaryReader(bytes);
        const ours = new WireReader(bytes);
        const expected = passed(() => {
          const [field, type] = theirs.tag();
          theirs.skip(type, field);
          return theirs.pos;
        });
        const read = passed(() => {
          ours.skip(ours.tag());
          return ours.pos;
        });
        // Theirs passes over varints of any length.
        if (/[\x80-\xff]{10}/.test(bytes.toString("latin1")) && read === "broken") return;
        expect(read).toBe(expected);
      }),
      { numRuns: 1000 },
    );
  });

  it("does not reach beyond the message that it is in", () => {
    const inner = Uint8Array.of(2, 8, 0x80, 1);
    const reader = new WireReader(inner);
    const outer = reader.enter();
    expect(reader.tag()).toBe(8);
    expect(() => reader.uint32()).toThrow(RangeError);
    reader.leave(outer);
    expect(() => new WireReader(Uint8Array.of(5, 1)).enter()).toThrow(RangeError);
    expect(() => new WireReader(Uint8Array.of(5, 1)).bytes()).toThrow(RangeError);
    expect(() => new WireReader(Uint8Array.of(1, 0xff)).string()).toThrow();
    expect(() => new WireReader(new Uint8Array(7)).double()).toThrow(RangeError);
    expect(() => new WireReader(new Uint8Array(11).fill(0x80)).int64()).toThrow(RangeError);
  });

  it("does not follow groups without end", () => {
    const nested = new Uint8Array(5000).fill((1 << 3) | 3);
    const reader = new WireReader(nested);
    expect(() => reader.skip(reader.tag())).toThrow(RangeError);
  });
});
