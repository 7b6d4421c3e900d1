import type { StreamingModel, StreamingSpec, TensorSpec } from "@strainflow/series";
import type { Update } from "@strainflow/steps";
import { describe, expect, it } from "vitest";
import { createUpdateInputs } from "./sequence-inputs.ts";

/** Two strides of three samples of two channels: 0 … 5 and 10 … 15. */
const DATA = Float32Array.of(0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15);
const UPDATE: Update = {
  start: 0,
  first: true,
  sequence: 0,
  data: DATA,
  side: {},
  marks: [undefined, undefined],
};

function inputsOf(inputs: readonly TensorSpec[], streaming: Partial<StreamingSpec> = {}) {
  const model: StreamingModel = {
    name: "m",
    version: "1",
    inputs,
    outputs: [],
    streaming: {
      input: inputs[0]!,
      sampleRate: 6,
      channels: ["H1", "L1"],
      strideSize: 3,
      batchSize: 2,
      updateSize: 1,
      memory: 0,
      latency: 0,
      ...streaming,
    },
    open: () => {
      throw new Error("nothing is sent");
    },
  };
  return createUpdateInputs(model);
}

describe("what a model is sent for an update", () => {
  it.each([
    ["FP32", DATA],
    ["FP64", Float64Array.from(DATA)],
    ["INT16", Int16Array.from(DATA)],
    [
      "FP16",
      Uint16Array.of(
        0,
        0x3c00,
        0x4000,
        0x4200,
        0x4400,
        0x4500,
        0x4900,
        0x4980,
        0x4a00,
        0x4a80,
        0x4b00,
        0x4b80,
      ),
    ],
  ] as const)("is of the input's datatype, %s", (datatype, data) => {
    const make = inputsOf([{ name: "x", datatype, shape: [1, 2, 6] }]);
    expect(make(UPDATE)).toEqual({ x: { datatype, shape: [1, 2, 6], data } });
    const zeros = make(undefined).x!;
    expect([
      zeros.datatype,
      zeros.data.length,
      [...zeros.data].every((value) => Number(value) === 0),
    ]).toEqual([datatype, 12, true]);
  });

  it("lies stride by stride where the model scores each by itself", () => {
    const make = inputsOf([{ name: "x", datatype: "FP32", shape: [2, 2, 3] }], { layout: "strides" });
    expect(make(UPDATE).x).toEqual({
      datatype: "FP32",
      shape: [2, 2, 3],
      data: Float32Array.of(0, 1, 2, 10, 11, 12, 3, 4, 5, 13, 14, 15),
    });
  });

  it("is dealt to the inputs that take its channels, beside one that takes none", () => {
    const [a, b, side]: TensorSpec[] = [
      { name: "a", datatype: "FP32", shape: [1, 1, 6] },
      { name: "b", datatype: "FP64", shape: [1, 1, 6] },
      { name: "psd", datatype: "FP32", shape: [2] },
    ];
    const make = inputsOf([a!, b!, side!], {
      parts: [
        { input: a!, channels: ["H1"] },
        { input: b!, channels: ["L1"] },
      ],
    });
    const psd = { datatype: "FP32", shape: [2], data: Float32Array.of(7, 8) } as const;
    expect(make({ ...UPDATE, side: { psd } })).toEqual({
      a: { datatype: "FP32", shape: [1, 1, 6], data: DATA.slice(0, 6) },
      b: { datatype: "FP64", shape: [1, 1, 6], data: Float64Array.from(DATA.slice(6)) },
      psd,
    });
    expect(() => make(UPDATE)).toThrow(expect.objectContaining({ tag: "missing-side-input" }));
    expect(Object.keys(make(undefined))).toEqual(["a", "b", "psd"]);
  });
});
