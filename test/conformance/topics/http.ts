import { deflateSync, gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { TWIN_TYPES } from "../models/onnx-twin.ts";
import { type Topic, topic } from "../subject.ts";
import { float32, texts } from "../wire/bytes.ts";
import { type HttpRequest, http, json, split, withTensors } from "../wire/raw-http.ts";
import { TWO } from "./values.ts";

const NET = "/v2/models/net/infer";
const eight = float32(0, 1, 2, 3, 4, 5, 6, 7);
const doubled = [0, 2, 4, 6, 8, 10, 12, 14];
const asJson = (more: object = {}) => ({
  inputs: [{ name: "x", datatype: "FP32", shape: [1, 2, 4], data: [0, 1, 2, 3, 4, 5, 6, 7] }],
  ...more,
});
const asBinary = (more: object = {}, size: number = 32) => ({
  inputs: [{ name: "x", datatype: "FP32", shape: [1, 2, 4], parameters: { binary_data_size: size } }],
  ...more,
});
const inJson = {
  model_name: "net",
  model_version: "1",
  outputs: [{ name: "y", datatype: "FP32", shape: [1, 2, 4], data: doubled }],
};
const inBinary = {
  model_name: "net",
  model_version: "1",
  outputs: [{ name: "y", datatype: "FP32", shape: [1, 2, 4], parameters: { binary_data_size: 32 } }],
};
const wantBinary = { outputs: [{ name: "y", parameters: { binary_data: true } }] };

/** Tensors over HTTP. */
export const httpValues: Topic = topic("HTTP: tensors", (subject) => {
  const post = (path: string, request: HttpRequest) =>
    http(subject().http, path, { method: "POST", ...request });

  it("numbers in JSON, flat or nested, both ways", async () => {
    const answer = await post(NET, { body: asJson({ id: "a" }) });
    expect(answer.status).toBe(200);
    expect(json(answer)).toEqual({ id: "a", ...inJson });
    expect(answer.headers.get("content-type")).toBe("application/json");
    const nested = {
      inputs: [
        {
          name: "x",
          datatype: "FP32",
          shape: [1, 2, 4],
          data: [
            [
              [0, 1, 2, 3],
              [4, 5, 6, 7],
            ],
          ],
        },
      ],
    };
    expect(json(await post(NET, { body: nested }))).toEqual(inJson);
  });

  it("a version by its path", async () => {
    const body = { inputs: [{ name: "x", datatype: "FP32", shape: [3], data: [1, 2, 3] }] };
    expect(json(await post("/v2/models/plain/versions/1/infer", { body }))).toMatchObject({
      model_version: "1",
      outputs: [{ data: [2, 4, 6] }],
    });
    expect(json(await post("/v2/models/plain/infer", { body }))).toMatchObject({
      model_version: "7",
      outputs: [{ data: [3, 6, 9] }],
    });
  });

  it("bytes behind the JSON, in and out, as each output asks", async () => {
    expect(json(await post(NET, withTensors(asBinary(), eight)))).toEqual(inJson);
    for (const request of [
      withTensors(asBinary({ parameters: { binary_data_output: true } }), eight),
      withTensors(asBinary(wantBinary), eight),
      { body: asJson(wantBinary) },
    ]) {
      const answer = await post(NET, request);
      expect(answer.headers.get("content-type")).toBe("application/octet-stream");
      const { head, tail } = split(answer);
      expect(head).toEqual(inBinary);
      expect([...new Float32Array(Uint8Array.from(tail).buffer)]).toEqual(doubled);
    }
    const refusing = {
      outputs: [{ name: "y", parameters: { binary_data: false } }],
      parameters: { binary_data_output: true },
    };
    expect(json(await post(NET, withTensors(asBinary(refusing), eight)))).toEqual(inJson);
  });

  it("every type as bytes, several tensors in order", async () => {
    const head = {
      inputs: TWIN_TYPES.map((type) => ({
        name: `IN_${type}`,
        datatype: type,
        shape: [2],
        parameters: { binary_data_size: TWO[type].byteLength },
      })),
      outputs: TWIN_TYPES.map((type) => ({ name: `OUT_${type}`, parameters: { binary_data: true } })),
    };
    const { head: answer, tail } = split(
      await post("/v2/models/types/infer", withTensors(head, ...TWIN_TYPES.map((type) => TWO[type]))),
    );
    const { outputs } = answer as { outputs: { name: string; parameters: { binary_data_size: number } }[] };
    expect(outputs).toHaveLength(TWIN_TYPES.length);
    let at = 0;
    for (const { name, parameters } of outputs) {
      const type = TWIN_TYPES.find((one) => name === `OUT_${one}`);
      expect([name, ...tail.subarray(at, at + parameters.binary_data_size)]).toEqual([
        name,
        ...(type === undefined ? [] : TWO[type]),
      ]);
      at += parameters.binary_data_size;
    }
    expect(at).toBe(tail.byteLength);
  });

  it("every type that JSON has, as JSON", async () => {
    const numbers = {
      BOOL: [true, false],
      UINT8: [255, 0],
      UINT16: [65535],
      UINT32: [4294967295],
      INT8: [-128],
      INT16: [-32768],
      INT32: [-2147483648],
      FP32: [1.5, 0.25],
      FP64: [0.1, 1e300],
      BYTES: ["a", "", 'zw"ölf\n'],
    };
    const wide = `{"name":"IN_UINT64","datatype":"UINT64","shape":[1],"data":[18446744073709551615]},{"name":"IN_INT64","datatype":"INT64","shape":[2],"data":[-9223372036854775808,9223372036854775807]}`;
    const inputs = Object.entries(numbers).map(([type, data]) =>
      JSON.stringify({ name: `IN_${type}`, datatype: type, shape: [data.length], data }),
    );
    const half = JSON.stringify({
      name: "IN_FP16",
      datatype: "FP16",
      shape: [1],
      parameters: { binary_data_size: 2 },
    });
    const outputs = TWIN_TYPES.map((type) => ({
      name: `OUT_${type}`,
      parameters: { binary_data: type === "FP16" },
    }));
    const text = `{"inputs":[${[...inputs, wide, half].join(",")}],"outputs":${JSON.stringify(outputs)}}`;
    const answer = await post("/v2/models/types/infer", {
      body: Buffer.concat([Buffer.from(text), Uint8Array.of(0, 0x3e)]),
      headers: { "inference-header-content-length": String(Buffer.byteLength(text)) },
    });
    const size = Number(answer.headers.get("inference-header-content-length"));
    expect([...answer.bytes.subarray(size)]).toEqual([0, 0x3e]);
    const head = answer.bytes.toString("utf8", 0, size);
    // 64-bit numbers in full: JavaScript's own parser would round them.
    expect(head).toContain("[18446744073709551615]");
    expect(head).toContain("[-9223372036854775808,9223372036854775807]");
    const back = (JSON.parse(head) as { outputs: { name: string; data?: unknown[] }[] }).outputs;
    for (const [type, data] of Object.entries(numbers))
      expect(back.find(({ name }) => name === `OUT_${type}`)?.data).toEqual(data);
  });

  it("texts as bytes and as JSON", async () => {
    const head = {
      inputs: [
        { name: "text", datatype: "BYTES", shape: [1], parameters: { binary_data_size: 9 } },
        { name: "n", datatype: "INT32", shape: [1], data: [4] },
      ],
    };
    const answer = await post("/v2/models/greeter/infer", withTensors(head, texts("hello")));
    expect(json(answer)).toMatchObject({
      outputs: expect.arrayContaining([{ name: "answer", datatype: "BYTES", shape: [1], data: ["hello"] }]),
    });
  });

  it("nothing but the bytes of the only input", async () => {
    const raw = (path: string, size: number) =>
      post(path, { body: eight.subarray(0, size), headers: { "inference-header-content-length": "0" } });
    const answer = await raw(NET, 32);
    expect(split(answer).head).toEqual(inBinary);
    expect([...new Float32Array(Uint8Array.from(split(answer).tail).buffer)]).toEqual(doubled);
    expect(json(await raw(NET, 16))).toEqual({
      error:
        "[request id: <id_unknown>] input byte size mismatch for input 'raw_input' for model 'net'. Expected 32, got 16",
    });
    expect(json(await raw("/v2/models/simple/infer", 16))).toEqual({
      error: expect.stringContaining("but got 2 inputs in 'simple' model configuration"),
    });
    expect(json(await raw("/v2/models/variable/infer", 16))).toEqual({
      error:
        "[request id: <id_unknown>] The shape of the raw input 'x' can not be deduced because there are more than one variable-sized dimension",
    });
  });

  it("classes", async () => {
    const body = (outputs: object[]) => ({
      inputs: [
        { name: "x", datatype: "FP32", shape: [1, 4], data: [0.125, 0.9, 0.3, 0.2] },
        { name: "k", datatype: "INT32", shape: [1, 3], data: [3, 1, 2] },
      ],
      outputs,
    });
    const scores = "/v2/models/scores/infer";
    expect(
      json(await post(scores, { body: body([{ name: "y", parameters: { classification: 2 } }]) })),
    ).toMatchObject({
      outputs: [
        { name: "y", datatype: "BYTES", shape: [1, 2], data: ["0.900000:1:bbh", "0.300000:2:glitch"] },
      ],
    });
    const { head, tail } = split(
      await post(scores, {
        body: body([{ name: "y", parameters: { classification: 1, binary_data: true } }]),
      }),
    );
    expect(head).toMatchObject({
      outputs: [{ name: "y", datatype: "BYTES", shape: [1, 1], parameters: { binary_data_size: 18 } }],
    });
    expect(tail.toString("utf8", 4)).toBe("0.900000:1:bbh");
  });

  it("sequences", async () => {
    const body = (parameters: object) => ({
      inputs: [{ name: "x", datatype: "FP32", shape: [1], data: [2] }],
      parameters,
    });
    const path = "/v2/models/sum/infer";
    const send = async (parameters: object) => json(await post(path, { body: body(parameters) }));
    expect(await send({ sequence_id: 5, sequence_start: true })).toMatchObject({ outputs: [{ data: [2] }] });
    expect(await send({ sequence_id: 5, sequence_end: true })).toMatchObject({ outputs: [{ data: [4] }] });
    expect(await send({ sequence_id: "five", sequence_start: true, sequence_end: true })).toMatchObject({
      outputs: [{ data: [2] }],
    });
  });
});

/** gzip and deflate, in and out. */
export const httpCompression: Topic = topic("HTTP: compression", (subject) => {
  const post = (request: HttpRequest) => http(subject().http, NET, { method: "POST", ...request });
  const plain = Buffer.from(JSON.stringify(asJson()));
  const forms = [
    ["gzip", gzipSync],
    ["deflate", deflateSync],
  ] as const;

  it.each(forms)("%s requests, in JSON and with bytes", async (encoding, pack) => {
    expect(json(await post({ body: pack(plain), headers: { "content-encoding": encoding } }))).toEqual(
      inJson,
    );
    const { body, headers } = withTensors(asBinary(), eight);
    expect(
      json(
        await post({ body: pack(body as Uint8Array), headers: { ...headers, "content-encoding": encoding } }),
      ),
    ).toEqual(inJson);
  });

  it.each(forms)("%s answers", async (encoding) => {
    const answer = await post({ body: plain, headers: { "accept-encoding": encoding } });
    expect(answer.headers.get("content-encoding")).toBe(encoding);
    expect(json(answer)).toEqual(inJson);
    const binary = await post({ body: asJson(wantBinary), headers: { "accept-encoding": encoding } });
    expect(binary.headers.get("content-encoding")).toBe(encoding);
    expect(split(binary).head).toEqual(inBinary);
  });

  it("the first of the two that is accepted, or none", async () => {
    const chosen = async (accept: string) =>
      (await post({ body: plain, headers: { "accept-encoding": accept } })).headers.get("content-encoding");
    expect([
      await chosen("deflate, gzip"),
      await chosen("gzip;q=0, deflate"),
      await chosen("br"),
      await chosen("*"),
    ]).toEqual(["deflate", "deflate", null, null]);
  });

  it("refuses what it cannot undo", async () => {
    const unknown = await post({ body: plain, headers: { "content-encoding": "br" } });
    expect([unknown.status, json(unknown)]).toEqual([501, { error: "Unsupported compression type" }]);
    const broken = await post({
      body: Buffer.from("this is no gzip"),
      headers: { "content-encoding": "gzip" },
    });
    expect(broken.status).toBe(400);
    expect((await post({ body: plain, headers: { "content-encoding": "identity" } })).status).toBe(200);
  });
});
