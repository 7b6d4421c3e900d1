import { type Datatype, ELEMENT_SIZES, type Tensor } from "@strainflow/series";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Codec, itemFromJson, itemToJson } from "../codec.ts";
import { readFrames, writeFrames } from "../framing.ts";
import { stackTensors, unstackTensor } from "../stack.ts";
import { bytes } from "./bytes.ts";
import { elementsOf, isNumeric } from "./elements.ts";
import { createImageCodec, type Image, jpeg, png } from "./image.ts";
import { json } from "./json.ts";
import { npy } from "./npy.ts";
import { tensor } from "./tensor.ts";

const datatypes = Object.keys(ELEMENT_SIZES).filter(isNumeric);

const anyTensor = (of: readonly Datatype[] = [...datatypes, "BYTES"]): fc.Arbitrary<Tensor> =>
  fc
    .tuple(fc.constantFrom(...of), fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }))
    .chain(([datatype, shape]) => {
      const count = shape.reduce((product, size) => product * size, 1);
      if (!isNumeric(datatype))
        return fc
          .array(fc.uint8Array({ maxLength: 9 }), { minLength: count, maxLength: count })
          .map((data): Tensor => ({ datatype, shape, data }));
      const size = count * ELEMENT_SIZES[datatype];
      return fc.uint8Array({ minLength: size, maxLength: size }).map((raw): Tensor => {
        const own = datatype === "BOOL" ? raw.map((value) => value & 1) : raw;
        return { datatype, shape, data: elementsOf(datatype, own, count) };
      });
    });

const anyImage = fc
  .record({
    width: fc.integer({ min: 1, max: 9 }),
    height: fc.integer({ min: 1, max: 9 }),
    channels: fc.constantFrom(1 as const, 2 as const, 3 as const, 4 as const),
    deep: fc.boolean(),
  })
  .chain(({ width, height, channels, deep }) => {
    const size = { minLength: width * height * channels, maxLength: width * height * channels };
    return (deep ? fc.uint16Array(size) : fc.uint8Array(size)).map(
      (data): Image => ({ width, height, channels, data }),
    );
  });

/** As bits: NaN has many, and they are to stay. */
const bitsOf = (value: Tensor): unknown => ({
  ...value,
  data: ArrayBuffer.isView(value.data)
    ? [...new Uint8Array(value.data.buffer, value.data.byteOffset, value.data.byteLength)]
    : value.data.map((text) => [...text]),
});

describe("codecs", () => {
  test("keep every bit of a tensor, as bytes and as .npy", () => {
    fc.assert(
      fc.property(anyTensor(), (value) => {
        expect(bitsOf(tensor.decode(tensor.encode(value)))).toEqual(bitsOf(value));
      }),
    );
    fc.assert(
      fc.property(anyTensor(datatypes.filter((type) => type !== "BF16")), (value) => {
        const file = npy.encode(value);
        expect(bitsOf(npy.decode(file))).toEqual(bitsOf(value));
        expect(bitsOf(tensor.decode(file))).toEqual(bitsOf(value));
      }),
    );
  });

  test("keep the values of a tensor in JSON", () => {
    fc.assert(
      fc.property(anyTensor(), (value) => {
        const told: unknown = JSON.parse(JSON.stringify(itemToJson(tensor, value)));
        const back = itemFromJson(tensor, told);
        // The bits of NaN and the sign of 0 are not told; once more gives the same.
        expect(JSON.stringify(itemToJson(tensor, back))).toBe(JSON.stringify(told));
        if (!["FP16", "BF16", "FP32", "FP64"].includes(value.datatype))
          expect(bitsOf(back)).toEqual(bitsOf(value));
        else expect(back.shape).toEqual(value.shape);
      }),
    );
  });

  test("refuse what is no tensor, with the reason", () => {
    const text = (descr: string, shape = "(2,)", more = ""): Uint8Array => {
      const header = `{'descr': ${descr}, 'fortran_order': False, 'shape': ${shape}, ${more}}`.padEnd(117);
      const head = Buffer.concat([Uint8Array.of(0x93), Buffer.from("NUMPY"), Uint8Array.of(1, 0, 118, 0)]);
      return Buffer.concat([head, Buffer.from(`${header}\n`), new Uint8Array(8)]);
    };
    expect(npy.decode(text("'<f4'")).data).toEqual(new Float32Array(2));
    expect(() => npy.decode(text("'|O'"))).toThrow("pickled");
    expect(() => npy.decode(text("'<U4'"))).toThrow("U4");
    expect(() => npy.decode(text("[('x', '<f4')]"))).toThrow("more than descr");
    expect(() => npy.decode(text("'<f4'", "(3,)"))).toThrow("12 bytes, not 8");
    expect(() => npy.decode(text("'<f4'", "(2,)", "'__class__': True, "))).toThrow("header must have");
    expect(() => npy.decode(text("'<f4'", "(99999999, 99999999, 99999999)"))).toThrow("too large");
    expect(() => itemFromJson(tensor, { datatype: "INT8", shape: [1], data: [128] })).toThrow("no INT8");
    expect(() => itemFromJson(tensor, { datatype: "FP32", shape: [1], data: [null] })).toThrow(
      "not a number",
    );
    expect(() => itemFromJson(bytes, "nø!")).toThrow("base64");
  });

  test("keep pictures in PNG, and nearly in JPEG", () => {
    fc.assert(
      fc.property(anyImage, (image) => {
        const { data, ...rest } = png.decode(png.encode(image));
        expect({ ...rest, data: [...data] }).toEqual({ ...image, data: [...image.data] });
        const lossy = jpeg.decode(jpeg.encode(image));
        expect([lossy.width, lossy.height, lossy.channels]).toEqual([image.width, image.height, 3]);
        expect(lossy.data.length).toBe(image.width * image.height * 3);
      }),
      { numRuns: 25 },
    );
    const grey: Image = { width: 16, height: 16, channels: 1, data: new Uint8Array(256).fill(100) };
    for (const value of jpeg.decode(jpeg.encode(grey)).data) expect(Math.abs(value - 100)).toBeLessThan(3);
  });

  test("look at a picture's size before they take memory for it", () => {
    const small = createImageCodec({ maxPixels: 100 });
    const image: Image = { width: 11, height: 10, channels: 3, data: new Uint8Array(330) };
    for (const codec of [png, jpeg])
      expect(() => small.decode(codec.encode(image))).toThrow("at most 100 pixels");
    // A bomb: it says 1 × 1, and its data would be 50 MB.
    const huge = createImageCodec({ maxPixels: 2 ** 26 });
    const bomb = huge.encode({ width: 7000, height: 7000, channels: 1, data: new Uint8Array(49_000_000) });
    new DataView(bomb.buffer, bomb.byteOffset).setUint32(16, 1);
    new DataView(bomb.buffer, bomb.byteOffset).setUint32(20, 1);
    expect(() => png.decode(bomb)).toThrow("larger");
  });

  test("throw an error for whatever bytes come, and nothing else happens", () => {
    const image: Image = { width: 8, height: 8, channels: 3, data: new Uint8Array(192).map((_, i) => i) };
    const value: Tensor = { datatype: "FP32", shape: [2, 3], data: new Float32Array(6) };
    const seeds: readonly (readonly [Codec<never>, Uint8Array])[] = [
      [json as Codec<never>, json.encode({ a: [1, "x"] })],
      [tensor as Codec<never>, tensor.encode(value)],
      [
        tensor as Codec<never>,
        tensor.encode({ datatype: "BYTES", shape: [2], data: [Uint8Array.of(1), Uint8Array.of()] }),
      ],
      [npy as Codec<never>, npy.encode(value)],
      [png as Codec<never>, png.encode(image)],
      [jpeg as Codec<never>, jpeg.encode(image)],
    ];
    const change = fc.record({ at: fc.nat(), value: fc.integer({ min: 0, max: 255 }) });
    fc.assert(
      fc.property(
        fc.constantFrom(...seeds),
        fc.array(change, { minLength: 1, maxLength: 6 }),
        fc.option(fc.nat(), { freq: 3 }),
        ([codec, seed], changes, cut) => {
          const mutated = seed.slice();
          for (const { at, value } of changes) mutated[at % mutated.length] = value;
          const sent = cut === null ? mutated : mutated.subarray(0, cut % mutated.length);
          try {
            codec.decode(sent);
          } catch (error) {
            expect(error).toBeInstanceOf(Error);
          }
        },
      ),
      { numRuns: 3000 },
    );
  });
});

/** Past the checksums: what a forger would send. */
function forge(png: Uint8Array): Uint8Array {
  const forged = png.slice();
  const view = new DataView(forged.buffer);
  for (let at = 8; at + 12 <= forged.length; ) {
    const end = at + 12 + view.getUint32(at);
    if (end > forged.length) break;
    view.setUint32(end - 4, crc32(forged.subarray(at + 4, end - 4)));
    at = end;
  }
  return forged;
}

/** As PNG has it. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb8_8320 : 0);
  }
  return ~crc >>> 0;
}

describe("pictures", () => {
  test("with right checksums and wrong contents are an error, or a picture of the size that they say", () => {
    const change = fc.record({ at: fc.nat(), value: fc.integer({ min: 0, max: 255 }) });
    fc.assert(
      fc.property(anyImage, fc.array(change, { minLength: 1, maxLength: 4 }), (image, changes) => {
        const bytes = png.encode(image);
        for (const { at, value } of changes) bytes[8 + (at % (bytes.length - 8))] = value;
        try {
          const { width, height, channels, data } = createImageCodec({ maxPixels: 10_000 }).decode(
            forge(bytes),
          );
          expect(data.length).toBe(width * height * channels);
          expect(width * height).toBeLessThanOrEqual(10_000);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
          expect(String(error)).not.toContain("AssertionError");
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe("frames", () => {
  test("keep items, and refuse what is cut", () => {
    const frames = fc.array(fc.record({ ok: fc.boolean(), bytes: fc.uint8Array({ maxLength: 20 }) }), {
      maxLength: 9,
    });
    fc.assert(
      fc.property(frames, fc.nat(), (list, cut) => {
        const body = writeFrames(list);
        expect(readFrames(body, 9).map(({ ok, bytes }) => ({ ok, bytes: [...bytes] }))).toEqual(
          list.map(({ ok, bytes }) => ({ ok, bytes: [...bytes] })),
        );
        const part = body.subarray(0, cut % (body.length + 1));
        try {
          expect(readFrames(part, 9).length).toBeLessThanOrEqual(list.length);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });
});

describe("stacking", () => {
  test("makes a batch of tensors and takes it apart again", () => {
    fc.assert(
      fc.property(anyTensor(datatypes), fc.integer({ min: 1, max: 5 }), (value, count) => {
        const batch = stackTensors(new Array<Tensor>(count).fill(value));
        expect(batch.shape).toEqual([count, ...value.shape]);
        for (const item of unstackTensor(batch)) expect(bitsOf(item)).toEqual(bitsOf(value));
      }),
    );
  });
});
