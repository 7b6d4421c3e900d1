import { create, toBinary } from "@bufbuild/protobuf";
import { ModelInferResponseSchema, ModelStreamInferResponseSchema } from "@strainflow/proto";
import { type Datatype, ELEMENT_SIZES, type TensorData } from "@strainflow/series";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createResponseDecoder } from "./response-decoder.ts";

interface Output {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly raw: Uint8Array;
}

function message(id: string, outputs: readonly Output[]): Uint8Array {
  return toBinary(
    ModelStreamInferResponseSchema,
    create(ModelStreamInferResponseSchema, {
      inferResponse: {
        modelName: "m",
        modelVersion: "1",
        id,
        parameters: { triton_final_response: { parameterChoice: { case: "boolParam", value: true } } },
        outputs: outputs.map(({ name, datatype, shape }) => ({ name, datatype, shape: shape.map(BigInt) })),
        rawOutputContents: outputs.map(({ raw }) => raw),
      },
    }),
  );
}

/** The bytes at an offset of our choosing inside a larger buffer. */
function placed(bytes: Uint8Array, offset: number): Buffer {
  const buffer = Buffer.from(new ArrayBuffer(bytes.length + 16));
  buffer.set(bytes, offset);
  return buffer.subarray(offset, offset + bytes.length);
}

const rawOf = (data: TensorData): Uint8Array => {
  if (!ArrayBuffer.isView(data)) throw new Error("not numbers");
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
};

const outputArbitrary = fc
  .record({
    datatype: fc.constantFrom(
      ...Object.keys(ELEMENT_SIZES).filter((name): name is Exclude<Datatype, "BYTES"> => name !== "BYTES"),
    ),
    shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }),
    seed: fc.integer({ min: 0, max: 255 }),
  })
  .map(({ datatype, shape, seed }) => {
    const size = shape.reduce((product, dim) => product * dim, ELEMENT_SIZES[datatype]);
    return { datatype, shape, raw: Uint8Array.from({ length: size }, (_, i) => (seed + 37 * i) & 255) };
  });

describe("the response decoder", () => {
  it("reads what the generated code writes, wherever in memory it lies", () => {
    const responses = fc.record({
      id: fc.string(),
      outputs: fc.dictionary(
        fc.string({ minLength: 1, maxLength: 140 }).filter((name) => name !== "__proto__"),
        outputArbitrary,
        { maxKeys: 4, noNullPrototype: true },
      ),
      offset: fc.integer({ min: 0, max: 8 }),
    });
    fc.assert(
      fc.property(fc.array(responses, { minLength: 1, maxLength: 4 }), (list) => {
        const decoder = createResponseDecoder();
        for (const { id, outputs, offset } of [...list, ...list]) {
          const wanted = Object.entries(outputs).map(([name, output]) => ({ name, ...output }));
          const decoded = decoder.stream(placed(message(id, wanted), offset));
          expect(decoded.error).toBeUndefined();
          expect(decoded.id).toBe(id);
          expect(Object.keys(decoded.outputs).sort()).toEqual(wanted.map(({ name }) => name).sort());
          for (const { name, datatype, shape, raw } of wanted) {
            const tensor = decoded.outputs[name];
            expect(tensor?.datatype).toBe(datatype);
            expect(tensor?.shape).toEqual(shape);
            expect(Buffer.compare(rawOf(tensor!.data), raw)).toBe(0);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it("gives views of the message where they are aligned, and copies where they are not", () => {
    const raw = new Uint8Array(new Float32Array([1.5, -2.25, 3]).buffer);
    const bytes = message("1", [{ name: "y", datatype: "FP32", shape: [3], raw }]);
    let views = 0;
    for (let offset = 0; offset < 4; offset++) {
      const buffer = placed(bytes, offset);
      const data = createResponseDecoder().stream(buffer).outputs.y?.data;
      expect(data).toEqual(new Float32Array([1.5, -2.25, 3]));
      if (ArrayBuffer.isView(data) && data.buffer === buffer.buffer) views++;
    }
    expect(views).toBe(1);
  });

  it("reads byte strings", () => {
    const raw = Uint8Array.from([2, 0, 0, 0, 104, 105, 0, 0, 0, 0]);
    const { outputs } = createResponseDecoder().stream(
      placed(message("1", [{ name: "s", datatype: "BYTES", shape: [2], raw }]), 0),
    );
    expect(outputs.s?.data).toEqual([Buffer.from("hi"), Buffer.from("")]);
  });

  it("reads typed contents, which other servers send", () => {
    const bytes = toBinary(
      ModelInferResponseSchema,
      create(ModelInferResponseSchema, {
        id: "7",
        outputs: [
          { name: "a", datatype: "FP32", shape: [2n], contents: { fp32Contents: [1, 2] } },
          { name: "b", datatype: "INT64", shape: [1n], contents: { int64Contents: [-5n] } },
          { name: "c", datatype: "BOOL", shape: [2n], contents: { boolContents: [true, false] } },
        ],
      }),
    );
    const { id, outputs } = createResponseDecoder().unary(Buffer.from(bytes));
    expect(id).toBe("7");
    expect(outputs.a?.data).toEqual(new Float32Array([1, 2]));
    expect(outputs.b?.data).toEqual(new BigInt64Array([-5n]));
    expect(outputs.c?.data).toEqual(new Uint8Array([1, 0]));
  });

  it("tells a refusal with the id of its request", () => {
    const bytes = toBinary(
      ModelStreamInferResponseSchema,
      create(ModelStreamInferResponseSchema, {
        errorMessage: "unexpected shape",
        inferResponse: { id: "12" },
      }),
    );
    expect(createResponseDecoder().stream(Buffer.from(bytes))).toMatchObject({
      refusal: "unexpected shape",
      id: "12",
    });
  });

  it("calls an output of the wrong size an error of its response alone", () => {
    const { id, error } = createResponseDecoder().stream(
      placed(message("3", [{ name: "y", datatype: "FP32", shape: [2], raw: new Uint8Array(0) }]), 0),
    );
    expect(id).toBe("3");
    expect(error).toMatchObject({ tag: "malformed-response", details: { output: "y", size: 0 } });
  });

  it("raises `malformed-response`, and nothing else, on damaged bytes", () => {
    const raw = new Uint8Array(64).fill(7);
    const sound = message("some id", [{ name: "y", datatype: "FP32", shape: [4, 4], raw }]);
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: sound.length - 1 }),
        fc.integer({ min: 0, max: 255 }),
        fc.integer({ min: 1, max: sound.length }),
        (at, byte, size) => {
          const bytes = Buffer.from(sound.slice(0, size));
          bytes[at] = byte;
          try {
            const { error } = createResponseDecoder().stream(bytes);
            if (error !== undefined) expect(error).toMatchObject({ tag: "malformed-response" });
          } catch (error) {
            expect(error).toMatchObject({ tag: "malformed-response" });
          }
        },
      ),
      { numRuns: 400 },
    );
  });
});
