import { connect, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { isStrainflowError, type Tensor } from "@strainflow/series";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { createHandlerClient } from "./client.ts";
import { npy } from "./codecs/npy.ts";
import { tensor } from "./codecs/tensor.ts";
import type { Outcome } from "./outcome.ts";
import { type HandlerServer, serveHandler } from "./serve-handler.ts";
import type { ServeHandlerOptions } from "./serve-options.ts";

const fixture = (name: string): string => fileURLToPath(new URL(`./testing/${name}.ts`, import.meta.url));

const open: HandlerServer[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close(100);
});

async function serve(options: Partial<ServeHandlerOptions> = {}): Promise<HandlerServer> {
  const server = await serveHandler({ path: fixture("misbehaving"), port: 0, workers: 1, ...options });
  open.push(server);
  return server;
}

const told = (outcomes: readonly Outcome[]): readonly unknown[] =>
  outcomes.map((outcome) => (outcome.ok ? outcome.value : outcome.failure.code));

async function post(url: string, body: string | Uint8Array, type = "application/json") {
  const response = await fetch(url, { method: "POST", body, headers: { "content-type": type } });
  return { status: response.status, answer: (await response.json()) as unknown };
}

describe("a served handler", () => {
  test("answers any messages in order, each with its own, from several workers", async () => {
    const { url } = await serve({ workers: 2, maxBatchSize: 7 });
    const client = createHandlerClient({ url });
    const item = fc.oneof({ weight: 8, arbitrary: fc.integer() }, fc.constantFrom("throw", "late throw", {}));
    const messages = fc.array(fc.array(item, { maxLength: 20 }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(messages, async (list) => {
        const outcomes = await client.postMany(list);
        expect(outcomes.map(told)).toEqual(
          list.map((message) =>
            message.map((one) =>
              typeof one === "number" ? 2 * one : one instanceof Object ? "invalid" : "failed",
            ),
          ),
        );
      }),
      { numRuns: 30 },
    );
  });

  test("names the item and the reason, and keeps the other answers", async () => {
    const { url } = await serve();
    expect(await post(url, '{"data":[1,{},3]}')).toEqual({
      status: 400,
      answer: {
        data: [2, null, 6],
        error: "item 1: numbers and words only",
        errors: [{ index: 1, code: "invalid", reason: "numbers and words only" }],
      },
    });
    expect((await post(url, '{"data":["throw"]}')).status).toBe(500);
    expect(await post(url, '{"data":')).toMatchObject({ status: 400, answer: { code: "invalid" } });
    expect(await post(url, '{"items":[]}')).toMatchObject({ status: 400 });
    expect(await post(url, '{"data":[]}')).toEqual({ status: 200, answer: { data: [] } });
  });

  test("takes tensors in JSON, framed and alone, and gives .npy", async () => {
    const { url } = await serve({ path: fixture("tensors") });
    const client = createHandlerClient({ url, input: tensor, output: npy });
    const one = (value: number): Tensor => ({
      datatype: "FP32",
      shape: [2],
      data: new Float32Array(2).fill(value),
    });
    const wrong: Tensor = { datatype: "FP64", shape: [1], data: new Float64Array(1) };
    const outcomes = await client.post([one(1), wrong, one(5)]);
    expect(outcomes).toEqual([
      { ok: true, value: one(2) },
      { ok: false, failure: { code: "invalid", reason: "FP32 is wanted, not FP64" } },
      { ok: true, value: one(6) },
    ]);
    const alone = await fetch(url, {
      method: "POST",
      body: npy.encode(one(7)),
      headers: { "content-type": "application/x-npy" },
    });
    expect(alone.headers.get("content-type")).toBe("application/x-npy");
    expect(npy.decode(new Uint8Array(await alone.arrayBuffer()))).toEqual(one(8));
    const { answer } = await post(url, '{"data":[{"datatype":"FP32","shape":[2],"data":[1,"NaN"]}]}');
    const [base64] = (answer as { readonly data: readonly string[] }).data;
    expect(npy.decode(Buffer.from(base64!, "base64")).data).toEqual(Float32Array.of(2, Number.NaN));
  });

  test("gives an item that hangs its time, and the rest their answers", async () => {
    const { url } = await serve({ stageTimeoutMs: 100 });
    const client = createHandlerClient({ url });
    expect(told(await client.post([1, "hang", 3]))).toEqual([2, "timed-out", 6]);
    expect(told(await client.post([4]))).toEqual([8]);
  });

  test.each(["exit", "heap"])("notices a worker that dies (%s), says so, and replaces it", async (how) => {
    const lines: string[] = [];
    const { url, metrics } = await serve({ workers: 2, maxHeapMiB: 64, log: (line) => lines.push(line) });
    const client = createHandlerClient({ url });
    const [outcome] = await client.post([how]);
    expect(outcome).toMatchObject({
      ok: false,
      failure: { code: "worker-lost", reason: expect.stringContaining("send it again") },
    });
    // The other answers meanwhile, and then both.
    expect(told(await client.post([1]))).toEqual([2]);
    await expect
      .poll(async () => (await fetch(`${url}/health`)).json(), { timeout: 20_000 })
      .toEqual({ ready: true, workers: { ready: 2, wanted: 2 } });
    const all = await client.postMany(Array.from({ length: 40 }, (_, i) => [i]));
    expect(all.flatMap(told)).toEqual(Array.from({ length: 40 }, (_, i) => 2 * i));
    expect(lines).toHaveLength(1);
    expect(await metrics()).toMatch(/workers_lost_total\{worker="[01]"\} 1\n/);
  });

  test("ends a worker that loops, and goes on with another", async () => {
    const { url } = await serve({ stageTimeoutMs: 200, requestTimeoutMs: 500 });
    const client = createHandlerClient({ url });
    const loops = client.post(["loop"]);
    await new Promise((resolve) => setTimeout(resolve, 100));
    // They come while it loops, and are not its business.
    const others = client.postMany([[1], [2], [3]]);
    expect(told(await loops)).toEqual(["timed-out"]);
    expect((await others).map(told)).toEqual([[2], [4], [6]]);
    expect(told(await client.post([1]))).toEqual([2]);
  });

  test("answers what is under way before it ends, and takes no more", async () => {
    const server = await serve();
    const client = createHandlerClient({ url: server.url });
    const slow = client.post(["slow"]);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const closed = server.close();
    expect(told(await slow)).toEqual(["slow"]);
    await closed;
    expect(told(await client.post([1]))).toEqual(["unreachable"]);
  });

  test("counts what it did", async () => {
    const { url } = await serve({ maxBatchSize: 4 });
    const client = createHandlerClient({ url });
    await client.post([1, 2, 3, 4, 5, "late throw"]);
    await client.post([{}]);
    const response = await fetch(`${url}/metrics`);
    const page = await response.text();
    expect(response.headers.get("content-type")).toContain("version=0.0.4");
    expect(page).toContain('strainflow_handler_requests_total{status="500"} 1\n');
    expect(page).toContain('strainflow_handler_requests_total{status="400"} 1\n');
    expect(page).toContain('strainflow_handler_items_total{worker="0"} 6\n');
    expect(page).toContain('strainflow_handler_items_failed_total{worker="0"} 1\n');
    expect(page).toContain('strainflow_handler_batch_size_bucket{worker="0",le="4"} 2\n');
    expect(page).toContain('strainflow_handler_stage_seconds_count{worker="0",stage="run_inference"} 2\n');
  });
});

describe("what is refused", () => {
  test("bodies that are too large, announced or not, and too many items", async () => {
    const { url } = await serve({ maxBodyBytes: 1000, maxItems: 10 });
    const large = JSON.stringify({ data: ["x".repeat(2000)] });
    expect(await post(url, large)).toMatchObject({ status: 413 });
    const stream = new ReadableStream({
      start(controller) {
        for (let i = 0; i < 20; i++) controller.enqueue(new Uint8Array(100).fill(32));
        controller.close();
      },
    });
    const chunked = await fetch(url, { method: "POST", body: stream, duplex: "half" } as RequestInit);
    expect(chunked.status).toBe(413);
    expect(await post(url, JSON.stringify({ data: new Array(11).fill(1) }))).toMatchObject({ status: 400 });
    expect(told(await createHandlerClient({ url }).post([1]))).toEqual([2]);
  });

  test("whoever has not the token, and other paths", async () => {
    const { url } = await serve({ token: "sesame" });
    expect(told(await createHandlerClient({ url }).post([1]))).toEqual(["unauthenticated"]);
    expect(told(await createHandlerClient({ url, token: "open" }).post([1]))).toEqual(["unauthenticated"]);
    expect((await fetch(`${url}/metrics`)).status).toBe(401);
    expect(told(await createHandlerClient({ url, token: "sesame" }).post([1]))).toEqual([2]);
    const headers = { authorization: "Bearer sesame" };
    expect((await fetch(`${url}/elsewhere`, { headers })).status).toBe(404);
    expect((await fetch(url, { headers })).status).toBe(405);
  });

  test("options and handlers that cannot be", async () => {
    await expect(serve({ host: "0.0.0.0" })).rejects.toThrow("loopback");
    await expect(serve({ maxBatchSize: 0 })).rejects.toThrow("maxBatchSize");
    await expect(serve({ stageTimeoutMs: 100, requestTimeoutMs: 150 })).rejects.toThrow("at least twice");
    const missing = await serve({ path: "nowhere.ts" }).catch((error: unknown) => error);
    expect(isStrainflowError(missing, "handler-not-loaded")).toBe(true);
    expect(String(missing)).toMatch(/nowhere\.ts: there is no such file$/);
    const none = await serve({ path: fileURLToPath(import.meta.resolve("./lane.ts")) }).catch(
      (e: unknown) => e,
    );
    expect(String(none)).toContain("processRequest is not a function");
    await expect(serve({ path: fixture("endless"), loadTimeoutMs: 1500 })).rejects.toThrow("within 1500 ms");
    const { url } = await serve();
    await expect(serve({ port: Number(new URL(url).port) })).rejects.toThrow("nothing can listen there");
  });

  test("clients that stop in the middle leave nothing behind", async () => {
    const { url } = await serve({ maxPendingBytes: 10_000 });
    const { port } = new URL(url);
    for (let i = 0; i < 5; i++) {
      const socket = await new Promise<Socket>((resolve) => {
        const made = connect(Number(port), "127.0.0.1", () => resolve(made));
      });
      socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9000\r\n\r\n${" ".repeat(8000)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
      socket.destroy();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(told(await createHandlerClient({ url }).post(["x".repeat(5000)]))).toEqual(["x".repeat(5000)]);
  });
});
