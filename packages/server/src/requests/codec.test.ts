import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  ModelConfigSchema,
  ModelInferRequestSchema,
  ModelInferResponseSchema,
  ModelStreamInferResponseSchema,
} from "@strainflow/proto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { modelSpec } from "../models/model-spec.ts";
import { Refusal } from "../refusal.ts";
import type { RawTensor } from "../tensors/raw-tensor.ts";
import { decodeInferRequest } from "./decode-request.ts";
import { encodeStreamError, ResponseEncoder } from "./encode-response.ts";
import { toModelRequest } from "./model-request.ts";
import { requestFlags } from "./request-parameters.ts";

const name = fc.string({ unit: "grapheme", maxLength: 200 });
const bytes = fc.uint8Array({ maxLength: 300 });
const parameter = fc.oneof(
  fc.boolean().map((value) => ({ parameterChoice: { case: "boolParam" as const, value } })),
  fc
    .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    .map((value) => ({ parameterChoice: { case: "int64Param" as const, value } })),
  fc
    .bigInt({ min: 0n, max: 2n ** 64n - 1n })
    .map((value) => ({ parameterChoice: { case: "uint64Param" as const, value } })),
  name.map((value) => ({ parameterChoice: { case: "stringParam" as const, value } })),
  fc.double({ noNaN: true }).map((value) => ({ parameterChoice: { case: "doubleParam" as const, value } })),
);
const request = fc
  .record({
    modelName: name,
    modelVersion: name,
    id: name,
    parameters: fc.dictionary(fc.string({ maxLength: 20 }), parameter, { maxKeys: 4, noNullPrototype: true }),
    inputs: fc.array(
      fc.record({
        name,
        datatype: name,
        shape: fc.array(fc.bigInt({ min: -5n, max: 2n ** 53n - 1n }), { maxLength: 5 }),
      }),
      { maxLength: 4 },
    ),
    outputs: fc.array(fc.record({ name }), { maxLength: 4 }),
    rawInputContents: fc.array(bytes, { maxLength: 4 }),
  })
  .map((init) => create(ModelInferRequestSchema, init));

/** The message of a frame, whose prefix is right. */
function unframed(frame: Buffer): Uint8Array {
  expect(frame[0]).toBe(0);
  expect(frame.readUInt32BE(1)).toBe(frame.byteLength - 5);
  return new Uint8Array(frame.subarray(5));
}

const spec = modelSpec(create(ModelConfigSchema, { name: "net" }), "1");

describe("the hand-written codec", () => {
  it("reads requests as the generated one does", () => {
    fc.assert(
      fc.property(request, (message) => {
        const read = decodeInferRequest(toBinary(ModelInferRequestSchema, message));
        expect(read.model).toBe(message.modelName);
        expect(read.version).toBe(message.modelVersion);
        expect(read.id).toBe(message.id);
        expect(
          read.inputs.map((input) => ({ ...input, contents: undefined, parameters: undefined })),
        ).toEqual(
          message.inputs.map((input) => ({
            name: input.name,
            datatype: input.datatype,
            shape: input.shape.map(Number),
            contents: undefined,
            parameters: undefined,
          })),
        );
        expect(read.outputs.map((output) => output.name)).toEqual(
          message.outputs.map((output) => output.name),
        );
        expect(read.raw.map((raw) => [...raw])).toEqual(message.rawInputContents.map((raw) => [...raw]));
        expect([...read.parameters]).toEqual(
          expect.arrayContaining(
            Object.entries(message.parameters).map(([key, { parameterChoice }]) => [
              key,
              parameterChoice.value,
            ]),
          ),
        );
      }),
      { numRuns: 200 },
    );
  });

  it("never fails on damaged requests but by refusing them", () => {
    fc.assert(
      fc.property(request, fc.nat(), fc.nat(255), fc.boolean(), (message, at, value, cut) => {
        const encoded = toBinary(ModelInferRequestSchema, message);
        if (encoded.length === 0) return;
        encoded[at % encoded.length] = value;
        const damaged = cut ? encoded.subarray(0, at % encoded.length) : encoded;
        try {
          const wire = decodeInferRequest(damaged);
          toModelRequest(wire, requestFlags(wire.parameters), spec);
        } catch (error) {
          expect(error).toBeInstanceOf(Refusal);
          expect((error as Refusal).code).toMatch(/INVALID_ARGUMENT|UNIMPLEMENTED|INTERNAL/);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("writes responses that the generated codec reads, and remembers no shape too long", () => {
    const encoder = new ResponseEncoder("modèle", "3");
    const output = fc.record({
      shape: fc.array(fc.integer({ min: 0, max: 2 ** 40 }), { maxLength: 4 }),
      data: fc.uint8Array({ maxLength: 40_000 }),
    });
    fc.assert(
      fc.property(name, fc.dictionary(name, output, { maxKeys: 3, noNullPrototype: true }), (id, given) => {
        const outputs = new Map<string, RawTensor>(
          Object.entries(given).map(([key, tensor]) => [
            key,
            { ...tensor, datatype: "UINT8", movable: false },
          ]),
        );
        const expected = create(ModelInferResponseSchema, {
          modelName: "modèle",
          modelVersion: "3",
          id,
          outputs: [...outputs].map(([key, { datatype, shape }]) => ({
            name: key,
            datatype,
            shape: shape.map(BigInt),
          })),
          rawOutputContents: [...outputs.values()].map(({ data }) => new Uint8Array(data)),
        });
        const unary = fromBinary(ModelInferResponseSchema, unframed(encoder.unary(id, outputs)));
        expect(unary).toEqual(expected);
        const streamed = fromBinary(ModelStreamInferResponseSchema, unframed(encoder.streamed(id, outputs)));
        expect(streamed.errorMessage).toBe("");
        expect(streamed.inferResponse).toEqual(expected);
      }),
      { numRuns: 100 },
    );
  });

  it("writes refusals with the id of their request", () => {
    fc.assert(
      fc.property(name, name, (id, message) => {
        const read = fromBinary(ModelStreamInferResponseSchema, unframed(encodeStreamError(id, message)));
        expect(read.errorMessage).toBe(message);
        expect(read.inferResponse?.id).toBe(id);
      }),
      { numRuns: 50 },
    );
  });
});
