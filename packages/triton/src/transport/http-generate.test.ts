import type { ServerResponse } from "node:http";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { connect } from "../connect.ts";
import { startFakeHttpServer } from "../testing/fake-http-server.ts";
import { eventData } from "./http-generate.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

async function connected(answer: (path: string, body: Buffer, response: ServerResponse) => void) {
  const server = await startFakeHttpServer(answer);
  cleanups.push(server.kill);
  const client = await connect(server.address);
  cleanups.push(() => client.close());
  return client;
}

const event = (fields: object): string =>
  `data: ${JSON.stringify({ model_name: "m", model_version: "1", ...fields })}\n\n`;

describe("events of a stream", () => {
  it("are the same however the bytes are cut", async () => {
    const texts = fc.array(
      fc.string({ unit: "grapheme", minLength: 1 }).filter((text) => !/[\r\n]/.test(text)),
    );
    await fc.assert(
      fc.asyncProperty(
        texts,
        fc.array(fc.nat({ max: 40 })),
        fc.constantFrom("\n", "\r\n"),
        async (sent, cuts, end) => {
          const lines = sent.map((text) => `: a remark${end}data: ${text}${end}${end}`);
          const bytes = Buffer.from(`${lines.join("")}data: not ended`, "utf8");
          async function* pieces(): AsyncGenerator<Uint8Array> {
            let at = 0;
            for (const size of cuts) {
              yield bytes.subarray(at, at + size);
              at += size;
            }
            yield bytes.subarray(at);
          }
          const read: string[] = [];
          for await (const data of eventData(pieces())) read.push(data);
          expect(read).toEqual(sent);
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe("generate over http", () => {
  it("tells inputs, parameters and id apart from nothing but their names", async () => {
    const bodies: string[] = [];
    const client = await connected((path, body, response) => {
      bodies.push(`${path} ${body.toString("utf8")}`);
      response.end('{"model_name":"m","model_version":"7","y":[1.5,null],"text":"a","sequence_id":4}');
    });
    const answer = await client.generate(
      "a model",
      { id: "1", inputs: { x: [1, 2n ** 63n - 1n] }, parameters: { sequence_id: 4 } },
      { version: "7" },
    );
    expect(bodies).toEqual([
      '/v2/models/a%20model/versions/7/generate {"sequence_id":4,"x":[1,9223372036854775807],"id":"1"}',
    ]);
    expect(answer).toEqual({ outputs: { y: [1.5, null], text: "a" }, modelName: "m", modelVersion: "7" });
  });

  it("gives answers that came before an error, and then the error", async () => {
    const client = await connected((_path, _body, response) => {
      response.write(event({ y: 1 }));
      response.end('data: {"error":"out of tokens"}\n\n');
    });
    const answers = client.generateStream("m", { id: "7", inputs: {} });
    expect((await answers.next()).value).toMatchObject({ outputs: { y: 1 } });
    await expect(answers.next()).rejects.toMatchObject({
      tag: "infer-refused",
      message: expect.stringContaining("out of tokens"),
      details: { requestId: "7" },
    });
  });

  it.each(["nope", "[1]", '{"y":1}', '{"model_name":"m","y":{"a":1}}'])(
    "refuses the answer %s",
    async (said) => {
      const client = await connected((_path, _body, response) => response.end(said));
      await expect(client.generate("m", { inputs: {} })).rejects.toMatchObject({ tag: "malformed-response" });
    },
  );

  it.each([
    ["before the first answer", 0],
    ["after one", 1],
  ])("gives up a server that falls silent, %s, and tells it", async (_, count) => {
    let closed: () => void = () => undefined;
    const gone = new Promise<void>((resolve) => {
      closed = resolve;
    });
    const client = await connected((_path, _body, response) => {
      for (let i = 0; i < count; i++) response.write(event({ y: i }));
      response.on("close", closed);
    });
    const answers = client.generateStream("m", { inputs: {} }, { timeoutMs: count === 0 ? 300 : 3000 });
    for (let i = 0; i < count; i++) await answers.next();
    await expect(answers.next()).rejects.toMatchObject({ tag: "deadline-exceeded" });
    await gone;
    await expect(client.generate("m", { inputs: {} }, { timeoutMs: 50 })).rejects.toMatchObject({
      tag: "deadline-exceeded",
    });
  });

  it("does not count the time for which the caller looks at an answer", async () => {
    const client = await connected((_path, _body, response) => {
      response.write(event({ y: 0 }));
      setTimeout(() => response.end(event({ y: 1 })), 20);
    });
    const seen: unknown[] = [];
    for await (const { outputs } of client.generateStream("m", { inputs: {} }, { timeoutMs: 3000 })) {
      if (seen.push(outputs["y"]) === 1) await new Promise((resolve) => setTimeout(resolve, 3500));
    }
    expect(seen).toEqual([0, 1]);
  });

  it("tells the server when the loop is left, and when it is aborted", async () => {
    const closes: Promise<void>[] = [];
    const client = await connected((_path, _body, response) => {
      closes.push(new Promise((resolve) => response.on("close", resolve)));
      response.write(event({ y: 0 }));
    });
    for await (const { outputs } of client.generateStream("m", { inputs: {} })) {
      expect(outputs).toEqual({ y: 0 });
      break;
    }
    await closes[0];
    const giving = new AbortController();
    const answers = client.generateStream("m", { inputs: {} }, { signal: giving.signal });
    await answers.next();
    giving.abort(new Error("enough"));
    await expect(answers.next()).rejects.toMatchObject({ tag: "aborted" });
    await closes[1];
    await expect(
      client.generateStream("m", { inputs: {} }, { signal: AbortSignal.abort() }).next(),
    ).rejects.toMatchObject({ tag: "aborted" });
  });

  it("says that a server went away in the middle of it", async () => {
    const client = await connected((_path, _body, response) => {
      response.write(event({ y: 0 }), () => response.destroy());
    });
    const answers = client.generateStream("m", { inputs: {} });
    await answers.next();
    await expect(answers.next()).rejects.toMatchObject({ tag: "server-unavailable" });
  });
});
