import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ModelInferRequestSchema } from "@strainflow/proto";
import type { InferRequest, SequenceControl, Tensor } from "@strainflow/series";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRequestEncoder } from "./request-encoder.ts";
import { tensorBytes } from "./tensor-bytes.ts";

/** The same request by the generated code. */
function reference(modelName: string, modelVersion: string, request: InferRequest): Uint8Array {
  const { id, inputs, sequence, outputs } = request;
  return toBinary(
    ModelInferRequestSchema,
    create(ModelInferRequestSchema, {
      modelName,
      modelVersion,
      id,
      parameters:
        sequence === undefined
          ? {}
          : {
              sequence_id: {
                parameterChoice:
                  typeof sequence.id === "bigint"
                    ? { case: "int64Param", value: sequence.id }
                    : { case: "stringParam", value: sequence.id },
              },
              sequence_start: { parameterChoice: { case: "boolParam", value: sequence.start } },
              sequence_end: { parameterChoice: { case: "boolParam", value: sequence.end } },
            },
      inputs: Object.entries(inputs).map(([name, { datatype, shape }]) => ({
        name,
        datatype,
        shape: shape.map(BigInt),
      })),
      outputs: (outputs ?? []).map((name) => ({ name })),
      rawInputContents: Object.entries(inputs).map(([name, tensor]) => tensorBytes(name, tensor)),
    }),
  );
}

/** The message inside its frame, whose prefix is checked. */
function unframed(parts: readonly Uint8Array[]): Buffer {
  const bytes = Buffer.concat(parts);
  expect(bytes[0]).toBe(0);
  expect(bytes.readUInt32BE(1)).toBe(bytes.length - 5);
  return bytes.subarray(5);
}

const floats = fc
  .tuple(fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 3 }), fc.float({ noNaN: true }))
  .map(([shape, value]): Tensor => {
    const count = shape.reduce((product, size) => product * size, 1);
    return { datatype: "FP32", shape, data: new Float32Array(count).fill(value) };
  });
const longs = fc
  .array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { maxLength: 40 })
  .map((values): Tensor => ({ datatype: "INT64", shape: [values.length], data: BigInt64Array.from(values) }));
const strings = fc
  .array(fc.uint8Array({ maxLength: 200 }), { maxLength: 4 })
  .map((data): Tensor => ({ datatype: "BYTES", shape: [data.length], data }));
const names = fc.string({ minLength: 1, maxLength: 150 }).filter((name) => name !== "__proto__");
const sequences = fc.record({
  id: fc.oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).filter((id) => id !== 0n),
    fc.string({ minLength: 1 }),
  ),
  start: fc.boolean(),
  end: fc.boolean(),
}) satisfies fc.Arbitrary<SequenceControl>;

describe("the request encoder", () => {
  it("writes the bytes that the generated code writes, also when it uses what it has cached", () => {
    const requests = fc.record(
      {
        id: fc.string(),
        inputs: fc.dictionary(names, fc.oneof(floats, longs, strings), { maxKeys: 3, noNullPrototype: true }),
        sequence: sequences,
        outputs: fc.array(names, { maxLength: 3 }),
      },
      { requiredKeys: ["id", "inputs"] },
    );
    fc.assert(
      fc.property(
        names,
        fc.string(),
        fc.array(requests, { minLength: 1, maxLength: 4 }),
        (model, version, list) => {
          const encoder = createRequestEncoder(model, version);
          for (const request of [...list, ...list, ...list.toReversed()]) {
            const bytes = unframed(encoder.encode(request));
            expect(bytes.toString("hex")).toBe(
              Buffer.from(reference(model, version, request)).toString("hex"),
            );
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it("encodes a changed shape anew", () => {
    const encoder = createRequestEncoder("m", "");
    const of = (size: number): InferRequest => ({
      id: "1",
      inputs: { x: { datatype: "FP32", shape: [1, size], data: new Float32Array(size) } },
    });
    for (const size of [4, 4, 130, 4])
      expect(
        fromBinary(ModelInferRequestSchema, unframed(encoder.encode(of(size)))).inputs[0]?.shape,
      ).toEqual([1n, BigInt(size)]);
  });

  it.each<[string, Tensor]>([
    ["too few elements", { datatype: "FP32", shape: [2, 2], data: new Float32Array(3) }],
    ["another array", { datatype: "FP32", shape: [2], data: new Int32Array(2) }],
    ["byte strings for numbers", { datatype: "UINT8", shape: [1], data: [new Uint8Array(1)] }],
    ["numbers for byte strings", { datatype: "BYTES", shape: [1], data: new Uint8Array(1) }],
  ])("refuses a tensor with %s", (_, tensor) => {
    expect(() => createRequestEncoder("m", "").encode({ id: "1", inputs: { x: tensor } })).toThrow(
      expect.objectContaining({ tag: "invalid-request", message: expect.stringContaining('input "x"') }),
    );
  });

  it.each([0n, ""])("refuses the sequence id '%s', which means none", (id) => {
    expect(() =>
      createRequestEncoder("m", "").encode({
        id: "1",
        inputs: {},
        sequence: { id, start: true, end: false },
      }),
    ).toThrow(expect.objectContaining({ tag: "invalid-request" }));
  });
});
