import { create, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { InferTensorContentsSchema } from "@strainflow/proto";
import { joinByteStrings } from "@strainflow/series";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Refusal } from "../refusal.ts";
import { contentsBytes } from "./typed-contents.ts";

const bytes = (array: ArrayBufferView): number[] => [
  ...new Uint8Array(array.buffer, array.byteOffset, array.byteLength),
];
const read = (message: Uint8Array, datatype: string): number[] | undefined => {
  const data = contentsBytes(message, datatype, "x", "net");
  return data === undefined ? undefined : bytes(data);
};
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const int32 = fc.integer();
const uint32 = fc.nat(2 ** 32 - 1);
const some = <T>(element: fc.Arbitrary<T>) => fc.array(element, { minLength: 1, maxLength: 40 });

/** Numbers in a field, some of them packed and some behind a tag each, with fields between that nobody knows. */
function spread<T>(
  number: number,
  type: number,
  values: readonly T[],
  write: (to: BinaryWriter, value: T) => void,
  cuts: readonly boolean[],
): Uint8Array {
  const writer = new BinaryWriter();
  values.forEach((value, at) => {
    if (cuts[at % cuts.length] === true) writer.tag(100, 2).bytes(Uint8Array.of(8, 1));
    if (cuts[(at + 1) % cuts.length] === true) write(writer.tag(number, type), value);
    else {
      writer.tag(number, 2).fork();
      write(writer, value);
      writer.join();
    }
  });
  return writer.finish();
}

describe("contents in fields of their types", () => {
  it("are what the generated codec has written", () => {
    fc.assert(
      fc.property(
        some(int32),
        some(uint32),
        some(int64),
        some(uint64),
        some(fc.float()),
        (ints, uints, longs, ulongs, floats) => {
          const message = (init: Parameters<typeof create<typeof InferTensorContentsSchema>>[1]) =>
            toBinary(InferTensorContentsSchema, create(InferTensorContentsSchema, init));
          expect(read(message({ intContents: ints }), "INT32")).toEqual(bytes(Int32Array.from(ints)));
          expect(read(message({ intContents: ints }), "INT8")).toEqual(bytes(Int8Array.from(ints)));
          expect(read(message({ uintContents: uints }), "UINT32")).toEqual(bytes(Uint32Array.from(uints)));
          expect(read(message({ uintContents: uints }), "UINT16")).toEqual(bytes(Uint16Array.from(uints)));
          expect(read(message({ int64Contents: longs }), "INT64")).toEqual(bytes(BigInt64Array.from(longs)));
          expect(read(message({ uint64Contents: ulongs }), "UINT64")).toEqual(
            bytes(BigUint64Array.from(ulongs)),
          );
          expect(read(message({ fp32Contents: floats }), "FP32")).toEqual(bytes(Float32Array.from(floats)));
          expect(read(message({ fp64Contents: floats }), "FP64")).toEqual(bytes(Float64Array.from(floats)));
          const flags = ints.map((value) => value > 0);
          expect(read(message({ boolContents: flags }), "BOOL")).toEqual(flags.map(Number));
          const texts = ints.map((value) => Buffer.from("é".repeat(Math.abs(value) % 30)));
          expect(read(message({ bytesContents: texts }), "BYTES")).toEqual(bytes(joinByteStrings(texts)));
        },
      ),
      { numRuns: 60 },
    );
  });

  it("may be packed, apart, and mixed with others", () => {
    fc.assert(
      fc.property(some(int64), some(fc.double()), some(fc.boolean()), (longs, doubles, cuts) => {
        const wide = spread(3, 0, longs, (to, value) => to.int64(value), cuts);
        expect(read(wide, "INT64")).toEqual(bytes(BigInt64Array.from(longs)));
        const fixed = spread(7, 1, doubles, (to, value) => to.double(value), cuts);
        expect(read(fixed, "FP64")).toEqual(bytes(Float64Array.from(doubles)));
        const narrow = longs.map((value) => Number(BigInt.asIntN(32, value)));
        const ints = spread(2, 0, narrow, (to, value) => to.int32(value), cuts);
        expect(read(ints, "INT16")).toEqual(bytes(Int16Array.from(narrow)));
      }),
      { numRuns: 60 },
    );
  });

  it("none are none, those of another type are refused, and damaged ones are no worse than refused", () => {
    expect(read(new Uint8Array(0), "FP32")).toBeUndefined();
    expect(() => read(Uint8Array.of(0x12, 1, 5), "FP32")).toThrow(
      "unexpected explicit tensor data for input tensor 'x' for model 'net' of type 'INT32', expected datatype 'FP32'",
    );
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 60 }),
        fc.constantFrom("INT32", "FP64", "BYTES", "BOOL"),
        (noise, type) => {
          try {
            read(noise, type);
          } catch (error) {
            expect(error).toBeInstanceOf(Refusal);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
