import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createServer, type InferenceServer } from "../server.ts";
import { type TinyRepository, tinyRepository } from "../testing/tiny-repository.ts";

const IDENTITY = `backend: "strainflow"
parameters { key: "strainflow.native" value: { string_value: "identity" } }`;

describe("long JSON", () => {
  let repository: TinyRepository;
  let server: InferenceServer;

  beforeAll(async () => {
    repository = await tinyRepository([
      {
        name: "same",
        config: `${IDENTITY}
input [ { name: "x" data_type: TYPE_FP32 dims: [-1] }, { name: "s" data_type: TYPE_STRING dims: [-1] } ]
output [ { name: "x" data_type: TYPE_FP32 dims: [-1] }, { name: "s" data_type: TYPE_STRING dims: [-1] } ]`,
        versions: { "1": new Uint8Array(0) },
      },
    ]);
    server = await createServer({ repository: repository.path, workers: 1 });
  });
  afterAll(async () => {
    await server?.close();
    await repository?.remove();
  });

  const post = async (what: string, body: string | Uint8Array, headers: Record<string, string> = {}) => {
    const response = await fetch(`${server.httpAddress}/v2/models/same/${what}`, {
      method: "POST",
      body: typeof body === "string" ? body : Uint8Array.from(body),
      headers,
    });
    return { status: response.status, text: await response.text() };
  };
  const numbers = Array.from({ length: 40_000 }, (_, at) => at + 0.5);
  const texts = ["é", 'a"b'];
  const inputs = [
    { name: "x", datatype: "FP32", shape: [numbers.length], data: numbers },
    { name: "s", datatype: "BYTES", shape: [2], data: texts },
  ];

  it("is read and written like any other", async () => {
    const { status, text } = await post("infer", JSON.stringify({ id: "long", inputs }));
    expect(status).toBe(200);
    const read = JSON.parse(text) as { id: string; outputs: { name: string; data: unknown }[] };
    expect(read.id).toBe("long");
    expect(read.outputs.find(({ name }) => name === "x")?.data).toEqual(numbers);
    expect(read.outputs.find(({ name }) => name === "s")?.data).toEqual(texts);
  });

  it("with tensors behind it, and by generate", async () => {
    const data = Float32Array.of(1.5, -2);
    const head = JSON.stringify({
      pad: "p".repeat(100_000),
      inputs: [
        { name: "x", datatype: "FP32", shape: [2], parameters: { binary_data_size: 8 } },
        { name: "s", datatype: "BYTES", shape: [1], data: ["a"] },
      ],
    });
    const body = Buffer.concat([Buffer.from(head), Buffer.from(data.buffer)]);
    const answer = await post("infer", body, {
      "inference-header-content-length": String(Buffer.byteLength(head)),
    });
    expect(JSON.parse(answer.text)).toMatchObject({ outputs: [{ data: [1.5, -2] }, { data: ["a"] }] });
    const generated = await post("generate", JSON.stringify({ x: numbers, s: "a" }));
    expect((JSON.parse(generated.text) as { x: unknown }).x).toEqual(numbers);
  });

  it.each([
    ["no JSON", `{"inputs":${"[".repeat(200_000)}`, 500, /^failed to parse the request JSON buffer/],
    [
      "far more values than text",
      `{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[${"[1],".repeat(5_000_000)}1]}]}`,
      400,
      /take more memory than there is for them/,
    ],
    ["no inputs", JSON.stringify({ pad: "p".repeat(100_000) }), 500, /inputs/],
    [
      "an output that there is not",
      JSON.stringify({ inputs, outputs: [{ name: "zz" }] }),
      400,
      /unexpected inference output 'zz' for model 'same'/,
    ],
  ])("is refused like any other: %s", async (_, body, status, error) => {
    const answer = await post("infer", body);
    expect(answer.status).toBe(status);
    expect((JSON.parse(answer.text) as { error: string }).error).toMatch(error);
  });
});
