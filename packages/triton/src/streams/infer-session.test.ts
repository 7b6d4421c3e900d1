import { fromText } from "@bufbuild/protobuf/txtpb";
import { ModelConfigSchema } from "@strainflow/proto";
import type { Datatype, TensorData } from "@strainflow/series";
import { afterEach, describe, expect, it } from "vitest";
import { type ConnectOptions, connect } from "../connect.ts";
import type { ServedModel } from "../model.ts";
import type { InferResult } from "../request.ts";
import {
  echo,
  type FakeModel,
  type FakeOptions,
  type FakeServer,
  startFakeServer,
} from "../testing/fake-server.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

const model = (name: string, config: string): FakeModel => ({
  metadata: {
    name,
    versions: ["1"],
    inputs: [
      { name: "x", datatype: "FP32", shape: [-1n, 2n] },
      { name: "b", datatype: "BF16", shape: [2n] },
    ],
    outputs: [],
  },
  config: fromText(ModelConfigSchema, `name: "${name}" ${config}`),
});
const MODELS = {
  summing: model("summing", "sequence_batching { direct {} }"),
  plain: model("plain", ""),
  many: model("many", "model_transaction_policy { decoupled: true }"),
};

async function served(
  name: keyof typeof MODELS,
  options: FakeOptions = {},
  connectOptions: ConnectOptions = {},
): Promise<{ server: FakeServer; model: ServedModel }> {
  const server = await startFakeServer({ models: MODELS, ...options });
  cleanups.push(server.kill);
  const client = await connect(server.address, connectOptions);
  cleanups.push(() => client.close());
  return { server, model: await client.servedModel(name) };
}

const X = { x: Float32Array.of(1, 2), b: new Uint16Array(2) };

const flags = (server: FakeServer): unknown[] =>
  server.requests.map(({ parameters: p }) => [
    p.sequence_id?.parameterChoice.value,
    p.sequence_start?.parameterChoice.value,
    p.sequence_end?.parameterChoice.value,
  ]);

describe("a session", () => {
  it("begins and ends its sequence by itself, and another one of the same id after an end", async () => {
    const { model, server } = await served("summing");
    const session = model.openSession({ sequence: "run" });
    await Promise.all([session.infer(X), session.infer(X, { end: true }), session.infer(X)]);
    await session.close();
    expect(flags(server)).toEqual([
      ["run", true, false],
      ["run", false, true],
      ["run", true, false],
      ["run", false, true],
    ]);
    expect(session.sequenceId).toBe("run");
  });

  it("has a random id that is not 0 where the model has sequences, none where it has not, and never 0", async () => {
    const { model } = await served("summing");
    const ids = [1, 2, 3].map(() => model.openSession().sequenceId);
    expect(new Set(ids).size).toBe(3);
    for (const id of ids) expect(typeof id === "bigint" && id > 0n && id < 2n ** 63n).toBe(true);
    expect((await served("plain")).model.openSession().sequenceId).toBeUndefined();
    await expect(model.openSession({ sequence: 0n }).infer(X)).rejects.toMatchObject({
      tag: "invalid-request",
    });
  });

  it("rejects one refused request and goes on", async () => {
    const { model } = await served("plain", {
      stream: (r, reply) =>
        reply(r.id === "2" ? { errorMessage: "no", inferResponse: { id: "2" } } : echo(r)),
    });
    const session = model.openSession();
    const results = await Promise.allSettled([session.infer(X), session.infer(X), session.infer(X)]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(results[1]).toMatchObject({
      reason: { tag: "infer-refused", details: { modelName: "plain", requestId: "2" } },
    });
  });

  it("rejects all that is under way when its stream is lost, each with its own request and the sequence", async () => {
    const { model, server } = await served("summing", { stream: () => undefined });
    const session = model.openSession({ sequence: 5n });
    const feed = session[Symbol.asyncIterator]();
    const waiting = [session.infer(X), session.infer(X, { id: "mine" })];
    while (server.requests.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    server.kill();
    for (const [i, id] of ["1", "mine"].entries())
      await expect(waiting[i]).rejects.toMatchObject({
        tag: "stream-lost",
        details: { modelName: "summing", requestId: id, sequenceId: 5n },
      });
    await expect(feed.next()).rejects.toMatchObject({ tag: "stream-lost" });
    await expect(session.infer(X)).rejects.toMatchObject({ tag: "stream-lost" });
    await session.close();
  });

  it("gives up waiting by a limit or a signal, and keeps the request's place", async () => {
    const held: (() => void)[] = [];
    const { model } = await served("summing", { stream: (r, reply) => held.push(() => reply(echo(r))) });
    const session = model.openSession({ sequence: 5n });
    await expect(session.infer(X, { timeoutMs: 30 })).rejects.toMatchObject({
      tag: "deadline-exceeded",
      details: { requestId: "1", sequenceId: 5n },
    });
    const abort = new AbortController();
    const off = session.infer(X, { signal: abort.signal });
    abort.abort(new Error("enough"));
    await expect(off).rejects.toMatchObject({
      tag: "aborted",
      cause: expect.objectContaining({ message: "enough" }),
    });
    const last = session.infer(X);
    while (held.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    for (const answer of held) answer();
    expect((await last).id).toBe("3");
    expect(session.latency()?.count).toBe(3);
  });

  it("waits with sending while the stream has no room, and loses nothing", async () => {
    const { model, server } = await served("plain", {}, { maxQueued: 1, maxBytesInFlight: 200 });
    const session = model.openSession();
    const results = await Promise.all(Array.from({ length: 50 }, () => session.infer(X)));
    expect(results.map(({ id }) => Number(id))).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    expect(server.requests).toHaveLength(50);
  });
});

describe("what a model is given", () => {
  it("takes shape and datatype from its metadata, floats rounded for BF16", async () => {
    const { model } = await served("plain");
    const { outputs } = await model.infer({
      inputs: { x: new Float32Array(6), b: Float32Array.of(1, 1.00390625) },
    });
    expect(outputs.x?.shape).toEqual([3, 2]);
    expect(outputs.b).toMatchObject({ datatype: "BF16", shape: [2], data: Uint16Array.of(0x3f80, 0x3f80) });
  });

  it.each<[string, Record<string, TensorData | readonly string[]>, RegExp]>([
    ["an input that it has not", { y: new Float32Array(2) }, /no input "y"; its inputs are x, b/],
    ["elements that fill no shape", { x: new Float32Array(3) }, /\[-1, 2\], which 3 elements do not fill/],
    ["strings for numbers", { x: ["a", "b"] }, /array of strings/],
    ["another array", { x: Float64Array.of(1, 2) }, /needs a Float32Array/],
  ])("refuses %s", async (_, inputs, message) => {
    const { model } = await served("plain");
    await expect(model.infer({ inputs })).rejects.toMatchObject({
      tag: "invalid-request",
      message: expect.stringMatching(message),
    });
  });
});

describe("a decoupled model", () => {
  const one = (id: string, value: number | undefined, final: boolean) => ({
    inferResponse: {
      modelName: "many",
      id,
      parameters: {
        triton_final_response: { parameterChoice: { case: "boolParam" as const, value: final } },
      },
      outputs: value === undefined ? [] : [{ name: "i", datatype: "INT32" satisfies Datatype, shape: [1n] }],
      rawOutputContents: value === undefined ? [] : [new Uint8Array(Int32Array.of(value).buffer)],
    },
  });

  it("gives any number of responses, and the last whether it is empty or not", async () => {
    const { model, server } = await served("many", {
      stream(r, reply) {
        for (let i = 0; i < 3; i++) reply(one(r.id, i, i === 2));
      },
    });
    const seen: InferResult[] = [];
    for await (const result of model.inferMany({ inputs: X })) seen.push(result);
    expect(seen.map(({ outputs, final }) => [outputs.i?.data[0], final])).toEqual([
      [0, false],
      [1, false],
      [2, true],
    ]);
    expect(server.requests[0]?.parameters.triton_enable_empty_final_response?.parameterChoice.value).toBe(
      true,
    );
  });

  it("keeps requests apart whose responses are mixed, and a promise gets the last of its own", async () => {
    const asked: string[] = [];
    const { model } = await served("many", {
      stream(r, reply) {
        asked.push(r.id);
        if (asked.length < 2) return;
        const [a = "", b = ""] = asked;
        for (const [id, value, final] of [
          [b, 1, false],
          [a, 2, false],
          [b, 3, true],
          [a, 4, true],
        ] as const)
          reply(one(id, value, final));
      },
    });
    const session = model.openSession();
    const results = await Promise.all([session.infer(X), session.infer(X)]);
    expect(results.map(({ outputs }) => outputs.i?.data[0])).toEqual([4, 3]);
  });

  it("is given up by a limit and by a signal", async () => {
    const { model } = await served("many", {
      keepsOpen: true,
      stream: (r, reply) => reply(one(r.id, 1, false)),
    });
    const loop = async (options: object): Promise<void> => {
      for await (const { final } of model.inferMany({ id: "r", inputs: X }, options))
        expect(final).toBe(false);
    };
    await expect(loop({ timeoutMs: 50 })).rejects.toMatchObject({
      tag: "deadline-exceeded",
      details: { requestId: "r" },
    });
    await expect(loop({ signal: AbortSignal.abort() })).rejects.toMatchObject({ tag: "aborted" });
  });
});
