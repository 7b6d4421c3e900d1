import fc from "fast-check";
import { expect, it } from "vitest";
import { packFromWorker, packToWorker, unpackFromWorker, unpackToWorker } from "./packed-messages.ts";
import type { FromWorker, ToWorker } from "./worker-messages.ts";

const name = fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom("x", "__proto__", "constructor"));
const names = fc.dictionary(name, name, { maxKeys: 3, noNullPrototype: true });
const tensors = fc.array(
  fc.record({
    name,
    datatype: fc.constantFrom("FP32" as const, "BYTES" as const, "BF16" as const),
    shape: fc.array(fc.nat(), { maxLength: 4 }),
    buffer: fc.uint8Array({ maxLength: 9 }).map((bytes) => bytes.slice().buffer),
  }),
  { maxLength: 3 },
);
const row = fc.record({ state: fc.nat(), start: fc.boolean(), end: fc.boolean() });
const steps = fc.array(
  fc.record(
    {
      model: fc.nat(),
      inputs: names,
      outputs: names,
      rows: fc.array(fc.option(row), { maxLength: 3 }),
    },
    { requiredKeys: ["model", "inputs", "outputs"], noNullPrototype: true },
  ),
  { maxLength: 3 },
);

it("a task is the same on the other side", () => {
  const task = fc.record({
    type: fc.constant("run" as const),
    task: fc.nat(),
    steps,
    tensors,
    wanted: fc.array(name, { maxLength: 3 }),
  });
  fc.assert(
    fc.property(task, (sent: ToWorker) => {
      expect(unpackToWorker(structuredClone(packToWorker(sent)))).toEqual(sent);
    }),
  );
});

it("what comes of it is the same on this side", () => {
  const ns = fc.double({ min: 0, noNaN: true });
  const marks = fc.record({ beganNs: ns, runNs: ns, ranNs: ns }, { noNullPrototype: true });
  const answer = fc.record({ type: fc.constant("done" as const), task: fc.nat(), tensors, marks });
  fc.assert(
    fc.property(answer, (sent: FromWorker) => {
      expect(unpackFromWorker(structuredClone(packFromWorker(sent)))).toEqual(sent);
    }),
  );
});

it("other messages stay what they are", () => {
  const message: ToWorker = { type: "unload", model: 3 };
  expect(packToWorker(message)).toBe(message);
  expect(unpackToWorker(message)).toBe(message);
});

it("a list that is none of a task is told of", () => {
  expect(() => unpackToWorker([1, "x"])).toThrow("has not a number at word 1");
  expect(() => unpackToWorker([1, 1, "x", "FP33"])).toThrow("FP33");
});
