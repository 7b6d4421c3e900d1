import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ParameterValue } from "../request.ts";
import { parameter } from "./parameter-codec.ts";
import { createParameterMemory } from "./parameter-memory.ts";

/** The bytes of an entry as they stand in a message, in the middle of other bytes. */
function entryBytes(name: string, value: ParameterValue): Buffer {
  const field = parameter(4, name, value);
  // Tag and length take two bytes: entries here are short.
  return field.subarray(2);
}

describe("parameters that are remembered", () => {
  it("are what each message says, in whatever order, however many and however often", () => {
    const entry = fc.tuple(
      fc.constantFrom("sequence_id", "sequence_start", "a", "b", "c", "__proto__"),
      fc.oneof(fc.boolean(), fc.integer(), fc.string({ maxLength: 4 }), fc.constant(2n ** 60n)),
    );
    fc.assert(
      fc.property(
        fc.array(fc.array(entry, { maxLength: 6 }), { minLength: 1, maxLength: 60 }),
        (messages) => {
          const memory = createParameterMemory();
          for (const entries of messages) {
            memory.clear();
            for (const [name, value] of entries) {
              const bytes = entryBytes(name, value);
              memory.add(Buffer.concat([Buffer.from("xy"), bytes, Buffer.from("z")]), 2, 2 + bytes.length);
            }
            expect(memory.settled()).toEqual(Object.fromEntries(entries));
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it("are one object for the same entries, and are forgotten where each message has others", () => {
    const memory = createParameterMemory();
    const settled = (...entries: [string, ParameterValue][]) => {
      memory.clear();
      for (const [name, value] of entries) {
        const bytes = entryBytes(name, value);
        memory.add(bytes, 0, bytes.length);
      }
      return memory.settled();
    };
    const first = settled(["a", true], ["b", 7]);
    expect(settled(["b", 7], ["a", true])).toBe(first);
    for (let i = 0; i < 1000; i++) expect(settled(["a", true], ["b", i])).toEqual({ a: true, b: i });
    expect(settled(["a", true], ["b", 7])).not.toBe(first);
  });
});
