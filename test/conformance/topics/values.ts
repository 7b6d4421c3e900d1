import { afterAll, beforeAll, expect, it } from "vitest";
import { TWIN_TYPES, type TwinType } from "../models/onnx-twin.ts";
import { type Topic, topic } from "../subject.ts";
import { float32, floats, int32, int64, integers, strings, texts } from "../wire/bytes.ts";
import { type InferOptions, inferRequest } from "../wire/messages.ts";
import { RawGrpc } from "../wire/raw-grpc.ts";

/** Bytes of two elements of each type, its extremes where it has them. */
export const TWO: Readonly<Record<TwinType, Uint8Array>> = {
  BOOL: Uint8Array.of(1, 0),
  UINT8: Uint8Array.of(255, 1),
  UINT16: new Uint8Array(Uint16Array.of(65535, 1).buffer),
  UINT32: new Uint8Array(Uint32Array.of(4294967295, 1).buffer),
  UINT64: new Uint8Array(BigUint64Array.of(2n ** 64n - 1n, 1n).buffer),
  INT8: new Uint8Array(Int8Array.of(-128, 127).buffer),
  INT16: new Uint8Array(Int16Array.of(-32768, 32767).buffer),
  INT32: int32(-2147483648, 2147483647),
  INT64: int64(-(2n ** 63n), 2n ** 63n - 1n),
  // 1.5 and the smallest subnormal.
  FP16: Uint8Array.of(0x00, 0x3e, 0x01, 0x00),
  FP32: float32(-0, 3.4028234663852886e38),
  FP64: new Uint8Array(Float64Array.of(5e-324, -1.7976931348623157e308).buffer),
  BYTES: texts("", "zwölf Löffel"),
};

/** What comes back for what goes in. */
export const values: Topic = topic("values", (subject) => {
  let client: RawGrpc;
  beforeAll(() => {
    client = new RawGrpc(subject().grpc);
  });
  afterAll(() => client.close());

  it("names, version, shape, id and numbers come back", async () => {
    const read = await client.infer(
      inferRequest("net", [["x", "FP32", [2, 2, 4], float32(...Array.from({ length: 16 }, (_, i) => i))]], {
        id: "ä 1",
      }),
    );
    expect(read).toMatchObject({ id: "ä 1", model: "net", version: "1", parameters: {} });
    expect(read.outputs.y).toMatchObject({ datatype: "FP32", shape: [2, 2, 4] });
    expect(floats(read, "y")).toEqual(Array.from({ length: 16 }, (_, i) => 2 * i));
  });

  it("the highest version where none is named, and each by its number", async () => {
    const request = (version: string) =>
      inferRequest("plain", [["x", "FP32", [3], float32(1, 2, 3)]], { version });
    for (const [version, by, told] of [
      ["", 3, "7"],
      ["7", 3, "7"],
      ["1", 2, "1"],
    ] as const) {
      const read = await client.infer(request(version));
      expect(read.version).toBe(told);
      expect(floats(read, "y")).toEqual([by, 2 * by, 3 * by]);
    }
  });

  it("all elements of all types, raw, as they went", async () => {
    const read = await client.infer(
      inferRequest(
        "types",
        TWIN_TYPES.map((type) => [`IN_${type}`, type, [2], TWO[type]]),
      ),
    );
    for (const type of TWIN_TYPES) {
      expect(read.outputs[`OUT_${type}`]).toMatchObject({ datatype: type, shape: [2] });
      expect([type, ...(read.outputs[`OUT_${type}`]?.bytes ?? [])]).toEqual([type, ...TWO[type]]);
    }
  });

  it("tensors without an element", async () => {
    const read = await client.infer(
      inferRequest(
        "types",
        TWIN_TYPES.map((type) => [`IN_${type}`, type, [0], new Uint8Array(0)]),
      ),
    );
    for (const type of TWIN_TYPES)
      expect(read.outputs[`OUT_${type}`]).toMatchObject({ shape: [0], bytes: new Uint8Array(0) });
  });

  it.each(["bf16", "bf16-graph"])("BF16: %s", async (model) => {
    // Subnormal, negative, infinite, a usual one.
    const bytes = Uint8Array.of(1, 0, 3, 0x84, 0x80, 0x7f, 0x49, 0x40);
    const read = await client.infer(inferRequest(model, [["IN", "BF16", [4], bytes]]));
    expect(read.outputs.OUT).toEqual({ datatype: "BF16", shape: [4], bytes });
  });

  it("typed numbers", async () => {
    const simple = await client.infer(
      inferRequest("simple", [
        ["INPUT0", "INT32", [1, 16], { intContents: Array.from({ length: 16 }, (_, i) => i) }],
        ["INPUT1", "INT32", [1, 16], { intContents: new Array<number>(16).fill(2) }],
      ]),
    );
    expect(integers(simple, "OUTPUT0")).toEqual(Array.from({ length: 16 }, (_, i) => i + 2));
    expect(integers(simple, "OUTPUT1")).toEqual(Array.from({ length: 16 }, (_, i) => i - 2));
  });

  it("typed texts", async () => {
    const read = await client.infer(
      inferRequest("greeter", [
        ["text", "BYTES", [1], { bytesContents: [Buffer.from("grüß")] }],
        ["n", "INT32", [1], { intContents: [21] }],
      ]),
    );
    expect(strings(read, "answer")).toEqual(["grüß"]);
    expect(integers(read, "twice")).toEqual([42]);
  });

  it.each([
    ["zeros", Buffer.from("a\0b")],
    ["no UTF-8", Buffer.from([0xff, 0xfe])],
  ])("texts that hold %s", async (_, bytes) => {
    const request = inferRequest("greeter", [
      ["text", "BYTES", [1], texts(bytes)],
      ["n", "INT32", [1], int32(1)],
    ]);
    if (subject().name === "triton")
      expect((await client.infer(request)).outputs["answer"]?.bytes).toEqual(Uint8Array.from(texts(bytes)));
    // ONNX Runtime's JavaScript has texts and no bytes: what they cannot hold is refused, not changed in silence.
    else
      expect(await client.refused(request)).toMatchObject({
        code: "INTERNAL",
        text: expect.stringMatching(/no UTF-8 text, or holds a zero/),
      });
  });

  it("sizes that vary from request to request", async () => {
    for (const [rows, columns] of [
      [1, 1],
      [3, 2],
      [2, 5],
      [0, 3],
    ] as const) {
      const numbers = Array.from({ length: rows * columns }, (_, i) => i);
      const read = await client.infer(
        inferRequest("variable", [["x", "FP32", [rows, columns], float32(...numbers)]]),
      );
      expect(read.outputs.y?.shape).toEqual([rows, columns]);
      expect(floats(read, "y")).toEqual(numbers.map((i) => i + 1));
    }
  });

  it("the outputs asked for and no others", async () => {
    const ask = (outputs: readonly string[]) =>
      client.infer(
        inferRequest(
          "simple",
          [
            ["INPUT0", "INT32", [1, 16], int32(...new Array<number>(16).fill(5))],
            ["INPUT1", "INT32", [1, 16], int32(...new Array<number>(16).fill(3))],
          ],
          { outputs },
        ),
      );
    expect(Object.keys((await ask([])).outputs).sort()).toEqual(["OUTPUT0", "OUTPUT1"]);
    const only = await ask(["OUTPUT1"]);
    expect(Object.keys(only.outputs)).toEqual(["OUTPUT1"]);
    expect(integers(only, "OUTPUT1")).toEqual(new Array(16).fill(2));
  });

  it("requests that are put together are taken apart again", async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        client.infer(
          inferRequest(
            "dynamic",
            [["x", "FP32", [1 + (i % 2), 2, 4], float32(...new Array<number>(8 * (1 + (i % 2))).fill(i))]],
            { id: `${i}` },
          ),
        ),
      ),
    );
    for (const [i, read] of answers.entries()) {
      expect(read).toMatchObject({ id: `${i}`, outputs: { y: { shape: [1 + (i % 2), 2, 4] } } });
      expect(floats(read, "y")).toEqual(new Array(8 * (1 + (i % 2))).fill(2 * i));
    }
  });

  const classes = (outputs: InferOptions["outputs"]) =>
    client.infer(
      inferRequest(
        "scores",
        [
          ["x", "FP32", [2, 4], float32(0.125, 0.9, 0.3, 0.2, -4, 3e10, 2, 1)],
          ["k", "INT32", [2, 3], int32(3, -1, 2, 9, 8, 7)],
        ],
        { outputs: outputs ?? [] },
      ),
    );

  it("the best classes of each element of a batch, with their labels", async () => {
    const read = await classes([
      ["y", { classification: 2n }],
      ["z", { classification: 3n }],
    ]);
    expect(read.outputs.y).toMatchObject({ datatype: "BYTES", shape: [2, 2] });
    expect(strings(read, "y")).toEqual([
      "0.900000:1:bbh",
      "0.300000:2:glitch",
      "30000001024.000000:1:bbh",
      "2.000000:2:glitch",
    ]);
    expect(read.outputs.z).toMatchObject({ datatype: "BYTES", shape: [2, 3] });
    expect(strings(read, "z")).toEqual(["3:0", "2:2", "-1:1", "9:0", "8:1", "7:2"]);
  });

  it("no more classes than there are; other outputs as they are", async () => {
    const read = await classes([["y", { classification: 9n }], "z"]);
    expect(read.outputs.y?.shape).toEqual([2, 4]);
    expect(strings(read, "y").slice(0, 4)).toEqual([
      "0.900000:1:bbh",
      "0.300000:2:glitch",
      "0.200000:3:bns",
      "0.125000:0:noise",
    ]);
    expect(integers(read, "z")).toEqual([3, -1, 2, 9, 8, 7]);
  });
});
