import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Datatype } from "@strainflow/series";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compareTensors } from "./compare-tensors.ts";
import { tensorElements } from "./json-elements.ts";
import { readJsonRows } from "./json-rows.ts";
import type { ModelTensors } from "./model-inputs.ts";
import { parseNpy } from "./npy.ts";
import { npyRows } from "./npy-rows.ts";
import { generatedRows, requestData } from "./rows.ts";

const tensors = (batched: boolean, shape: readonly number[], datatype: Datatype = "FP32"): ModelTensors => ({
  inputs: [{ name: "x", datatype, shape, optional: false }],
  outputs: [{ name: "y", datatype, shape, optional: false }],
  batched,
});

function npy(descr: string, shape: readonly number[], data: ArrayBufferView, order = "False"): Uint8Array {
  const said = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${shape.map((size) => `${size},`).join(" ")}), }`;
  const header = `${said.padEnd(117)}\n`;
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return Buffer.concat([
    Buffer.from("\u0093NUMPY\u0001\u0000v\u0000", "latin1"),
    Buffer.from(header, "latin1"),
    bytes,
  ]);
}

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "strainflow-inputs-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
const file = async (name: string, content: string | Uint8Array): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
};

describe("a .npy file", () => {
  it("is read in either byte order, and refused where it is damaged or executes", () => {
    const data = Float32Array.of(1, 2.5, -3);
    expect(parseNpy(npy("<f4", [3], data), "a.npy")).toEqual({ datatype: "FP32", shape: [3], data });
    const swapped = new Uint8Array(data.buffer.slice(0));
    for (let i = 0; i < 12; i += 4) swapped.subarray(i, i + 4).reverse();
    expect(parseNpy(npy(">f4", [3], swapped), "a.npy").data).toEqual(data);
    expect(parseNpy(npy("<i8", [], BigInt64Array.of(-5n)), "a.npy")).toEqual({
      datatype: "INT64",
      shape: [],
      data: BigInt64Array.of(-5n),
    });
    expect(() => parseNpy(npy("|O", [3], data), "a.npy")).toThrow(/holds '\|O'; numbers are wanted/);
    expect(() => parseNpy(npy("<f4", [4], data), "a.npy")).toThrow(/says \[4\] of f4, 16 bytes; it has 12/);
    expect(() => parseNpy(npy("<f4", [3], data, "True"), "a.npy")).toThrow(/ascontiguousarray/);
    expect(() => parseNpy(Buffer.from("PK"), "a.npy")).toThrow(/no .npy file/);
  });

  it("never makes more of damaged bytes than an error of ours", () => {
    const good = npy("<f4", [2, 2], Float32Array.of(1, 2, 3, 4));
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, value, length) => {
        const bytes = good.slice(0, length);
        if (at < length) bytes[at] = value;
        try {
          const { shape, data } = parseNpy(bytes, "a.npy");
          expect(shape.reduce((product, size) => product * size, 1)).toBe(data.length);
        } catch (error) {
          expect(error).toMatchObject({ tag: "loadtest-input" });
        }
      }),
      { numRuns: 300 },
    );
  });

  it("gives rows by its first dimension, and one row is for all", async () => {
    const x = await file("x.npy", npy("<f4", [3, 2], Float32Array.of(1, 2, 3, 4, 5, 6)));
    const y = await file("y.npy", npy("<f4", [2], Float32Array.of(7, 8)));
    const { streams } = await npyRows("m", tensors(true, [2]), { x }, { y });
    expect(streams[0]?.map((row) => [...row.inputs["x"]!.data])).toEqual([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    expect(streams[0]?.map((row) => row.expected?.["y"]?.shape)).toEqual([[2], [2], [2]]);
    const data = requestData("m", tensors(true, [2]), { streams, hasSequences: false }, 2, false);
    // Three rows by two: three requests before the first pair comes again.
    expect(data.streams[0]?.map(({ inputs }) => [...inputs["x"]!.data])).toEqual([
      [1, 2, 3, 4],
      [5, 6, 1, 2],
      [3, 4, 5, 6],
    ]);
    expect(data.streams[0]?.[0]?.inputs["x"]?.shape).toEqual([2, 2]);
    const wide = await file("wide.npy", npy("<f8", [2], Float64Array.of(1, 2)));
    await expect(npyRows("m", tensors(true, [2]), { x: wide }, {})).rejects.toThrow(
      /holds FP64, and x is FP32/,
    );
    await expect(npyRows("m", tensors(true, [2]), { z: x }, {})).rejects.toThrow(/has no input z/);
  });
});

describe("perf_analyzer's JSON", () => {
  it("has steps, nested or flat, with shapes, in base64, and in sequences", async () => {
    const b64 = Buffer.from(Float32Array.of(9, 8).buffer).toString("base64");
    const steps = [{ x: [1, 2] }, { x: { content: [[3, 4]], shape: [2] } }, { x: { b64 } }];
    const flat = await readJsonRows(
      "m",
      tensors(false, [2]),
      await file("a.json", JSON.stringify({ data: steps })),
    );
    expect(flat.streams[0]?.map((row) => [...row.inputs["x"]!.data])).toEqual([
      [1, 2],
      [3, 4],
      [9, 8],
    ]);
    expect(flat.hasSequences).toBe(false);
    const validation = [[{ y: [1, 1] }], [{ y: [2, 2] }, { y: [3, 3] }]];
    const both = { data: [[steps[0]], [steps[1], steps[2]]], validation_data: validation };
    const path = await file("b.json", JSON.stringify(both));
    const { streams, hasSequences } = await readJsonRows("m", tensors(false, [2]), path);
    expect([hasSequences, streams.map((s) => s.length)]).toEqual([true, [1, 2]]);
    expect([...streams[1]![1]!.expected!["y"]!.data]).toEqual([3, 3]);
  });

  it("takes open sizes from the elements where there is one, and asks for a shape where there are two", async () => {
    const path = await file("c.json", JSON.stringify({ data: [{ x: [1, 2, 3, 4, 5, 6] }] }));
    const { streams } = await readJsonRows("m", tensors(true, [-1, 2]), path);
    expect(streams[0]?.[0]?.inputs["x"]?.shape).toEqual([3, 2]);
    await expect(readJsonRows("m", tensors(true, [-1, -1]), path)).rejects.toThrow(/needs a "shape"/);
    await expect(readJsonRows("m", tensors(true, [5]), path)).rejects.toThrow(
      /has 6 elements; its shape, \[5\], has 5/,
    );
    await expect(readJsonRows("m", tensors(true, [5]), await file("d.json", "{"))).rejects.toThrow(
      /cannot be read/,
    );
  });

  it.each<[Datatype, unknown, RegExp]>([
    ["INT8", [300], /INT8 does not hold 300/],
    ["UINT8", [-1], /UINT8 does not hold -1/],
    ["INT32", [1.5], /INT32 does not hold 1.5/],
    ["FP32", ["1"], /FP32 does not hold "1"/],
    ["INT64", [2 ** 60], /as text beyond 2\^53/],
    ["BYTES", [1], /BYTES takes texts/],
  ])("refuses what %s does not hold", (datatype, value, message) => {
    expect(() => tensorElements(datatype, value, false, "x")).toThrow(message);
  });

  it("takes what they hold", () => {
    expect(tensorElements("INT64", ["-9007199254740993", 2], false, "x")).toEqual(
      BigInt64Array.of(-9007199254740993n, 2n),
    );
    expect(tensorElements("BOOL", [true, 0], false, "x")).toEqual(Uint8Array.of(1, 0));
    expect(tensorElements("BYTES", "H1", false, "x")).toEqual([new Uint8Array([72, 49])]);
    expect(tensorElements("FP16", [1], false, "x")).toEqual(Uint16Array.of(0x3c00));
  });
});

it("generated inputs are the same from a seed, zeros where asked, within every type", () => {
  for (const datatype of ["BOOL", "INT8", "UINT64", "FP16", "FP64", "BYTES"] as const) {
    const of = (kind: "random" | "zero", seed: number) =>
      generatedRows(tensors(false, [50], datatype), kind, seed).streams[0]![0]!.inputs["x"]!;
    expect(of("random", 1)).toEqual(of("random", 1));
    expect(of("random", 1)).not.toEqual(of("random", 2));
    expect(
      [...of("zero", 1).data].every((value) =>
        typeof value === "object" ? value.length === 0 : Number(value) === 0,
      ),
    ).toBe(true);
  }
});

it("tensors are compared to the last bit, or within a tolerance, and the place is told", () => {
  const fp32 = (...values: number[]) => ({
    y: { datatype: "FP32", shape: [2, values.length / 2], data: Float32Array.from(values) } as const,
  });
  const wanted = fp32(1, 2, Number.NaN, 4);
  expect(compareTensors(fp32(1, 2, Number.NaN, 4), wanted)).toBeUndefined();
  expect(compareTensors(fp32(1, 2, Number.NaN, 4.5), wanted)).toBe("output y[1, 1] is 4.5, expected 4");
  expect(compareTensors(fp32(1, 2, Number.NaN, 4.5), wanted, { absolute: 0.5 })).toBeUndefined();
  expect(compareTensors(fp32(1, 2, Number.NaN, 4.5), wanted, { relative: 0.1 })).toMatch(/4.5/);
  expect(compareTensors({}, wanted)).toBe("output y is missing");
  expect(compareTensors(fp32(1, 2), wanted)).toBe("output y is of shape [2,1], expected [2,2]");
  const bytes = (text: string) => ({
    y: { datatype: "BYTES", shape: [1], data: [Buffer.from(text)] } as const,
  });
  expect(compareTensors(bytes("a"), bytes("a"))).toBeUndefined();
  expect(compareTensors(bytes("a"), bytes("b"))).toBe('output y[0] is "a", expected "b"');
});
