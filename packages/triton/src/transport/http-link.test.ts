import type { ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { connect } from "../connect.ts";
import { startFakeHttpServer } from "../testing/fake-http-server.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

async function connected(answer: (path: string, body: Buffer, response: ServerResponse) => void) {
  const server = await startFakeHttpServer(answer);
  cleanups.push(server.kill);
  const client = await connect(server.address);
  cleanups.push(() => client.close());
  return { server, client };
}

const X = { x: { datatype: "FP32", shape: [1], data: Float32Array.of(1) } } as const;

describe("over http", () => {
  it("a response in JSON alone is read, whatever its datatypes", async () => {
    const outputs = [
      { name: "f", datatype: "FP64", shape: [2, 1], data: [[1.5], [2.5]] },
      { name: "i", datatype: "INT64", shape: [2], data: [-1, 7] },
      { name: "s", datatype: "BYTES", shape: [1], data: ["π"] },
      { name: "b", datatype: "BOOL", shape: [2], data: [true, false] },
    ];
    const { client } = await connected((_path, _body, response) =>
      response.end(
        JSON.stringify({ model_name: "m", model_version: "3", parameters: { n: 7, ok: true }, outputs }),
      ),
    );
    const result = await client.infer("m", { id: "1", inputs: X });
    expect(result).toMatchObject({
      modelName: "m",
      modelVersion: "3",
      parameters: { n: 7, ok: true },
      final: true,
    });
    expect(Object.values(result.outputs).map(({ data }) => data)).toEqual([
      Float64Array.of(1.5, 2.5),
      BigInt64Array.of(-1n, 7n),
      [Buffer.from("π")],
      Uint8Array.of(1, 0),
    ]);
  });

  it("requests are JSON with whole numbers of 64 bits, and then the tensors", async () => {
    const bodies: Buffer[] = [];
    const { client, server } = await connected((_path, body, response) => {
      bodies.push(body);
      response.end('{"model_name":"m","outputs":[]}');
    });
    await client.infer(
      "a model",
      { id: "1", inputs: X, sequence: { id: 2n ** 63n - 1n, start: true, end: false }, outputs: ["y"] },
      { version: "2" },
    );
    const { path, headers } = server.requests.at(-1)!;
    expect(path).toBe("/v2/models/a%20model/versions/2/infer");
    const size = Number(headers["inference-header-content-length"]);
    const [body] = bodies;
    expect(body?.toString("utf8", 0, size)).toBe(
      '{"id":"1","parameters":{"sequence_id":9223372036854775807,"sequence_start":true,"sequence_end":false},' +
        '"inputs":[{"name":"x","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}}],' +
        '"outputs":[{"name":"y","parameters":{"binary_data":true}}]}',
    );
    expect([...body!.subarray(size)]).toEqual([0, 0, 0x80, 0x3f]);
  });

  const failing = async (status: number, body: string) => {
    const { client } = await connected((_path, _body, response) => {
      response.statusCode = status;
      response.end(body);
    });
    return client.infer("m", { id: "r", inputs: X, sequence: { id: "s", start: true, end: false } });
  };

  it.each([
    [404, `{"error":"Request for unknown model: 'm' is not found"}`, "model-not-found", "NOT_FOUND"],
    [400, '{"error":"unexpected shape"}', "rpc-failed", "INVALID_ARGUMENT"],
    [503, "<html>nobody home</html>", "server-unavailable", "UNAVAILABLE"],
    [504, "", "deadline-exceeded", "DEADLINE_EXCEEDED"],
    [401, '{"message":"who are you?"}', "rpc-failed", "UNAUTHENTICATED"],
    [500, "", "rpc-failed", "INTERNAL"],
  ])("status %i is an error with its words", async (status, body, tag, name) => {
    await expect(failing(status, body)).rejects.toMatchObject({
      tag,
      details: { status: name, modelName: "m", requestId: "r", sequenceId: "s" },
    });
  });

  it.each<[string, string, Record<string, string>]>([
    ["no JSON", "<html>", {}],
    ["JSON that is longer than the answer", "{}", { "inference-header-content-length": "9" }],
    ["JSON of no length", "{}", { "inference-header-content-length": "x" }],
    ["a tensor that runs past the end", output({ parameters: { binary_data_size: 8 } }), {}],
    ["too few elements", output({ data: [1] }), {}],
    ["an unknown datatype", output({ datatype: "FP8", data: [1, 2] }), {}],
    ["elements that have no JSON", output({ datatype: "BF16", data: [1, 2] }), {}],
    ["a negative size", output({ shape: [-2], data: [1, 2] }), {}],
  ])("%s is a malformed response", async (_, body, headers) => {
    const { client } = await connected((_path, _body, response) => {
      response.writeHead(200, headers);
      response.end(body);
    });
    await expect(client.infer("m", { id: "r", inputs: X })).rejects.toMatchObject({
      tag: "malformed-response",
    });
  });

  it("an answer that was compressed unasked is read all the same, and one that cannot be is an error", async () => {
    let broken = false;
    const { client } = await connected((_path, _body, response) => {
      response.writeHead(200, { "content-encoding": "gzip" });
      response.end(broken ? "no gzip" : gzipSync('{"model_name":"m","outputs":[]}'));
    });
    expect((await client.infer("m", { id: "r", inputs: X })).modelName).toBe("m");
    broken = true;
    await expect(client.infer("m", { id: "r", inputs: X })).rejects.toThrow(/incorrect header check/);
  });

  it("requests go side by side, and not more of them than connections", async () => {
    let open = 0;
    let most = 0;
    const server = await startFakeHttpServer((_path, _body, response) => {
      most = Math.max(most, ++open);
      setTimeout(() => {
        open--;
        response.end('{"model_name":"m","outputs":[]}');
      }, 20);
    });
    cleanups.push(server.kill);
    const client = await connect(server.address, { connections: 3 });
    cleanups.push(() => client.close());
    await Promise.all(Array.from({ length: 12 }, (_, i) => client.infer("m", { id: `${i}`, inputs: X })));
    expect(most).toBe(3);
  });
});

function output(part: object): string {
  return JSON.stringify({ model_name: "m", outputs: [{ name: "y", datatype: "FP32", shape: [2], ...part }] });
}
