import { GRPCInferenceService } from "@strainflow/proto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Topic, topic } from "../subject.ts";
import { float32, floats } from "../wire/bytes.ts";
import { inferRequest } from "../wire/messages.ts";
import { RawGrpc } from "../wire/raw-grpc.ts";
import { http, json } from "../wire/raw-http.ts";

const { method } = GRPCInferenceService;
const matrix = inferRequest("variable", [["x", "FP32", [1, 2], float32(1, 2)]]);
const polling = "explicit model load / unload is not allowed if polling is enabled";

/** Models come and go as clients ask. */
export const control: Topic = topic("loading and unloading", (subject) => {
  let client: RawGrpc;
  beforeAll(() => {
    client = new RawGrpc(subject().grpc);
  });
  afterAll(() => client.close());
  const load = (modelName: string, config?: string) =>
    client.call(method.repositoryModelLoad, {
      modelName,
      parameters:
        config === undefined ? {} : { config: { parameterChoice: { case: "stringParam", value: config } } },
    });
  const stateOf = async (name: string): Promise<string | undefined> =>
    (await client.call(method.repositoryIndex, {})).models.find((model) => model.name === name)?.state;
  const gone = async (): Promise<void> => {
    for (let i = 0; i < 200 && (await stateOf("variable")) !== "UNAVAILABLE"; i++)
      await new Promise((resolve) => setTimeout(resolve, 50));
  };

  it("a model that is unloaded is not there, and is there again when it is loaded", async () => {
    await client.call(method.repositoryModelUnload, { modelName: "variable" });
    await gone();
    expect(await client.refused(matrix)).toEqual({
      code: "NOT_FOUND",
      text: "Request for unknown model: 'variable' has no available versions",
    });
    expect((await client.call(method.modelReady, { name: "variable" })).ready).toBe(false);
    const { models } = await client.call(method.repositoryIndex, {});
    expect(models.filter(({ name }) => name === "variable")).toMatchObject([
      { version: "1", state: "UNAVAILABLE", reason: "unloaded" },
    ]);
    const { models: ready } = await client.call(method.repositoryIndex, { ready: true });
    expect(ready.some(({ name }) => name === "variable")).toBe(false);
    await load("variable");
    expect(floats(await client.infer(matrix), "y")).toEqual([2, 3]);
  });

  it("a configuration given with the load is taken for the one in the repository", async () => {
    const { config } = await client.call(method.modelConfig, { name: "net" });
    expect(config?.maxBatchSize).toBe(8);
    const given = JSON.parse((await http(subject().http, "/v2/models/net/config")).text) as object;
    await load("net", JSON.stringify({ ...given, max_batch_size: 4 }));
    expect((await client.call(method.modelConfig, { name: "net" })).config?.maxBatchSize).toBe(4);
    const five = inferRequest("net", [["x", "FP32", [5, 2, 4], new Uint8Array(160)]]);
    expect((await client.refused(five)).text).toMatch(/batch-size must be <= 4/);
    // It stays in force: nothing in the repository has changed.
    await load("net");
    expect((await client.call(method.modelConfig, { name: "net" })).config?.maxBatchSize).toBe(4);
    await load("net", JSON.stringify(given));
    expect((await client.call(method.modelConfig, { name: "net" })).config?.maxBatchSize).toBe(8);
  });

  it("a model that is not in the repository", async () => {
    expect(await client.failure(method.repositoryModelLoad, { modelName: "nope" })).toEqual({
      code: "INTERNAL",
      text: "failed to load 'nope', failed to poll from model repository",
    });
    const answer = await http(subject().http, "/v2/repository/models/nope/load", { method: "POST" });
    expect([answer.status, json(answer)]).toEqual([
      500,
      { error: "failed to load 'nope', failed to poll from model repository" },
    ]);
  });

  it("the same over HTTP", async () => {
    const post = (what: string) =>
      http(subject().http, `/v2/repository/models/variable/${what}`, { method: "POST" });
    expect((await post("unload")).status).toBe(200);
    await gone();
    expect((await http(subject().http, "/v2/models/variable/ready")).status).toBe(400);
    expect((await post("load")).status).toBe(200);
    expect((await http(subject().http, "/v2/models/variable/ready")).status).toBe(200);
  });
});

/** A server that was not started for it says so; hermes looks for the end of these words. */
export const controlRefused: Topic = topic("loading and unloading are refused", (subject) => {
  let client: RawGrpc;
  beforeAll(() => {
    client = new RawGrpc(subject().grpc);
  });
  afterAll(() => client.close());

  it("over gRPC", async () => {
    const refused = { code: "UNAVAILABLE", text: polling };
    expect(await client.failure(method.repositoryModelLoad, { modelName: "net" })).toEqual(refused);
    expect(await client.failure(method.repositoryModelUnload, { modelName: "net" })).toEqual(refused);
  });

  it("over HTTP", async () => {
    for (const what of ["load", "unload"]) {
      const answer = await http(subject().http, `/v2/repository/models/net/${what}`, { method: "POST" });
      expect([answer.status, json(answer)]).toEqual([503, { error: polling }]);
    }
  });

  it("and everything goes on", async () => {
    expect(floats(await client.infer(matrix), "y")).toEqual([2, 3]);
  });
});
