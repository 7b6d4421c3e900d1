import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ModelInferRequestSchema } from "@strainflow/proto";
import type { InferRequest, SequenceControl, Tensor } from "@strainflow/series";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TritonRequest } from "../request.ts";
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
      rawInputContents: Object.entries(inputs).map(([name, tensor]) => tensorBytes(name, tensor)!),
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

  it("writes parameters by their types, classes, and tensors that lie in shared memory", () => {
    const region = { region: "r", byteSize: 8 };
    const request: TritonRequest = {
      id: "1",
      inputs: {
        x: { datatype: "FP32", shape: [2], sharedMemory: { ...region, offset: 16 } },
        text: { datatype: "BYTES", shape: [2], data: ["ü", new Uint8Array([7])] },
      },
      outputs: ["a", { name: "b", classes: 3 }, { name: "c", sharedMemory: region }],
      priority: 2,
      queueTimeoutMs: 0.25,
      parameters: { text: "t", yes: true, half: 0.5, whole: -3, large: 2n ** 62n },
    };
    const encoder = createRequestEncoder("m", "", true);
    for (const expected of [request, { ...request, outputs: ["a"] }, request]) {
      const message = fromBinary(ModelInferRequestSchema, unframed(encoder.encode(expected)));
      const values = (parameters: typeof message.parameters): object =>
        Object.fromEntries(
          Object.entries(parameters).map(([name, { parameterChoice: choice }]) => [
            name,
            [choice.case, choice.value],
          ]),
        );
      expect(values(message.parameters)).toEqual({
        triton_enable_empty_final_response: ["boolParam", true],
        priority: ["int64Param", 2n],
        timeout: ["int64Param", 250n],
        text: ["stringParam", "t"],
        yes: ["boolParam", true],
        half: ["doubleParam", 0.5],
        whole: ["int64Param", -3n],
        large: ["int64Param", 2n ** 62n],
      });
      const memory = {
        shared_memory_region: ["stringParam", "r"],
        shared_memory_byte_size: ["int64Param", 8n],
      };
      expect(message.inputs.map((input) => values(input.parameters))).toEqual([
        { ...memory, shared_memory_offset: ["int64Param", 16n] },
        {},
      ]);
      expect(message.outputs.map((output) => values(output.parameters))).toEqual(
        [{}, { classification: ["int64Param", 3n] }, memory].slice(0, expected.outputs?.length),
      );
      expect(message.rawInputContents.map((raw) => [...raw])).toEqual([
        [2, 0, 0, 0, 0xc3, 0xbc, 1, 0, 0, 0, 7],
      ]);
    }
  });

  it.each<[string, Partial<TritonRequest>, RegExp]>([
    ["a parameter that has an option", { parameters: { timeout: 7 } }, /queueTimeoutMs/],
    ["a queue timeout of nothing", { queueTimeoutMs: 0 }, /queueTimeoutMs is 0/],
    ["a priority between two", { priority: 1.5 }, /priority is 1\.5/],
    [
      "a sequence id of more than 64 bits",
      { sequence: { id: 2n ** 63n, start: true, end: false } },
      /64-bit/,
    ],
    [
      "a size that is none",
      { inputs: { x: { datatype: "FP32", shape: [-1], data: new Float32Array(0) } } },
      /sizes/,
    ],
  ])("refuses %s", (_, part, message) => {
    expect(() => createRequestEncoder("m", "").encode({ id: "1", inputs: {}, ...part })).toThrow(
      expect.objectContaining({ tag: "invalid-request", message: expect.stringMatching(message) }),
    );
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
