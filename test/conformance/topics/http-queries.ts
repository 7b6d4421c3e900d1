import { expect, it } from "vitest";
import { TWINS } from "../models/write-twins.ts";
import { expected, type Topic, topic } from "../subject.ts";
import { http, json } from "../wire/raw-http.ts";

export const httpQueries: Topic = topic("HTTP: questions", (subject) => {
  const get = (path: string) => http(subject().http, path);

  it("live and ready, and nothing else in the body", async () => {
    for (const path of [
      "/v2/health/live",
      "/v2/health/ready",
      "/v2/models/net/ready",
      "/v2/models/plain/versions/7/ready",
    ]) {
      const answer = await get(path);
      expect([path, answer.status, answer.text]).toEqual([path, 200, ""]);
    }
    expect((await get("/v2/models/plain/versions/2/ready")).status).toBe(400);
  });

  it("who it is", async () => {
    expect(json(await get("/v2"))).toMatchObject({
      name: expected<string>(subject(), expect.any(String) as string, {
        why: "it is no Triton",
        embedded: "strainflow",
      }),
      version: expect.any(String),
      extensions: expect.arrayContaining(["binary_tensor_data"]),
    });
  });

  it("the metadata of a model", async () => {
    const net = {
      name: "net",
      versions: ["1"],
      inputs: [{ name: "x", datatype: "FP32", shape: [-1, 2, 4] }],
      outputs: [{ name: "y", datatype: "FP32", shape: [-1, 2, 4] }],
    };
    expect(json(await get("/v2/models/net"))).toMatchObject(net);
    expect(json(await get("/v2/models/net/versions/1"))).toMatchObject(net);
    expect(json(await get("/v2/models/plain"))).toMatchObject({ versions: ["1", "7"] });
  });

  it("the configuration of a model, defaults written out, numbers as numbers", async () => {
    expect(json(await get("/v2/models/net/config"))).toMatchObject({
      name: "net",
      version_policy: { latest: { num_versions: 1 } },
      max_batch_size: 8,
      input: [{ name: "x", data_type: "TYPE_FP32", format: "FORMAT_NONE", dims: [2, 4], optional: false }],
      instance_group: [{ name: "net_0", kind: "KIND_CPU", count: 1 }],
      optimization: { priority: "PRIORITY_DEFAULT" },
      parameters: {},
    });
    expect(json(await get("/v2/models/sum/config"))).toMatchObject({
      sequence_batching: { max_sequence_idle_microseconds: 5_000_000 },
    });
  });

  it("statistics", async () => {
    expect(json(await get("/v2/models/net/stats"))).toMatchObject({
      model_stats: [
        {
          name: "net",
          version: "1",
          inference_count: expect.any(Number),
          inference_stats: { success: { count: expect.any(Number), ns: expect.any(Number) } },
        },
      ],
    });
    const all = json(await get("/v2/models/stats")) as { model_stats: { name: string }[] };
    expect([...new Set(all.model_stats.map(({ name }) => name))].sort()).toEqual(
      TWINS.map(({ name }) => name).sort(),
    );
  });

  it("the index of the repository, by POST", async () => {
    const index = json(await http(subject().http, "/v2/repository/index", { method: "POST" })) as {
      name: string;
    }[];
    expect(index).toContainEqual(expect.objectContaining({ name: "plain", version: "7", state: "READY" }));
    expect([...new Set(index.map(({ name }) => name))].sort()).toEqual(TWINS.map(({ name }) => name).sort());
    expect((await get("/v2/repository/index")).status).toBe(405);
  });
});
