import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createSequencePlan, sequenceRules } from "./sequence-plan.ts";
import type { Shot } from "./target.ts";

const facts = { dataHasSequences: false, serial: true, most: 1 };

describe("a plan of sequences", () => {
  it("begins and ends each in order, with ids of its own, whatever is answered when", () => {
    const runs = fc.record({
      open: fc.integer({ min: 1, max: 6 }),
      length: fc.integer({ min: 1, max: 8 }),
      variation: fc.double({ min: 0, max: 1, noNaN: true }),
      of: fc.integer({ min: 1, max: 3 }),
      serial: fc.boolean(),
      choices: fc.array(fc.nat(20), { minLength: 40, maxLength: 160 }),
    });
    fc.assert(
      fc.property(runs, ({ open, length, variation, of, serial, choices }) => {
        const rules = sequenceRules(
          { length, lengthVariation: variation, startId: 100, idRange: 40 },
          { ...facts, serial, most: open * of },
        );
        const index = of - 1;
        const plan = createSequencePlan(rules, [5, 3], { index, of, seed: 1 });
        plan.resize(open, false);
        const underWay: Shot[] = [];
        /** By id, the number of requests since START. */
        const begun = new Map<bigint | string, number>();
        const take = (shot: Shot): void => {
          const { id, start, end } = shot.sequence!;
          expect(start).toBe(!begun.has(id));
          const position = begun.get(id) ?? 0;
          expect(shot.position).toBe(position);
          expect(shot.step).toBe(position % (shot.stream === 0 ? 5 : 3));
          expect(Number(id)).toBeGreaterThanOrEqual(100);
          expect(Number(id)).toBeLessThan(140);
          expect((Number(id) - 100) % of).toBe(index);
          if (serial) expect(underWay.some((other) => other.sequence?.id === id)).toBe(false);
          if (end) {
            expect(position + 1).toBeLessThanOrEqual(Math.max(1, Math.round(length * (1 + variation))));
            begun.delete(id);
          } else begun.set(id, position + 1);
          underWay.push(shot);
        };
        for (const choice of choices) {
          const shot = choice % 3 === 0 || underWay.length > 10 ? undefined : plan.next();
          if (shot !== undefined) take(shot);
          else if (underWay.length > 0) plan.done(underWay.splice(choice % underWay.length, 1)[0]!);
          expect(begun.size).toBeLessThanOrEqual(open);
        }
        // At the end, each that is open is ended once.
        for (let round = 0; begun.size > 0 && round < 20; round++) {
          for (const shot of plan.ends()) take(shot);
          for (const shot of underWay.splice(0)) plan.done(shot);
        }
        expect(begun.size).toBe(0);
        expect(plan.ends()).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it("takes its lengths from the data where they are sequences, and ids that are text", () => {
    const rules = sequenceRules({ idPrefix: "load-", startId: 7 }, { ...facts, dataHasSequences: true });
    const plan = createSequencePlan(rules, [2, 3], { index: 0, of: 1, seed: 1 });
    plan.resize(1, true);
    const shots = Array.from({ length: 5 }, () => {
      const shot = plan.next()!;
      plan.done(shot);
      return [shot.stream, shot.step, shot.sequence?.id, shot.sequence?.end];
    });
    expect(shots).toEqual([
      [0, 0, "load-7", false],
      [0, 1, "load-7", true],
      [1, 0, "load-8", false],
      [1, 1, "load-8", false],
      [1, 2, "load-8", true],
    ]);
  });

  it("refuses what cannot be", () => {
    expect(() => sequenceRules({ idRange: 3, count: 4 }, facts)).toThrow(
      /sequences.idRange is 3; .* at least 4/,
    );
    expect(() => sequenceRules({ length: 0 }, facts)).toThrow(/sequences.length is 0/);
    expect(() => sequenceRules({ lengthVariation: 2 }, facts)).toThrow(
      /lengthVariation is 2; it must be from 0 to 1/,
    );
  });
});
