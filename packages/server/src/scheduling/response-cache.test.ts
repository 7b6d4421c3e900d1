import { GRPCInferenceService } from "@strainflow/proto";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createServer, type InferenceServer } from "../server.ts";
import type { RawTensor } from "../tensors/raw-tensor.ts";
import { float32, floats, RawClient } from "../testing/raw-client.ts";
import { accumulator, scaler, type TinyRepository, tinyRepository } from "../testing/tiny-repository.ts";
import { cacheKey, ResponseCache } from "./response-cache.ts";

const tensor = (bytes: readonly number[], shape: readonly number[] = [bytes.length]): RawTensor => ({
  datatype: "UINT8",
  shape,
  data: Uint8Array.from(bytes),
  movable: true,
});

describe("the cache of answers", () => {
  it("keeps what was asked for last, within its limit", () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 4000 }),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 900 })), {
          maxLength: 40,
        }),
        (limit, uses) => {
          const cache = new ResponseCache(limit);
          // The same rule, by a list: the last used at the end.
          let model: { key: string; size: number; bytes: readonly number[] }[] = [];
          for (const [number, length] of uses) {
            const key = `1 ${number}`;
            const known = model.find((entry) => entry.key === key);
            const found = cache.find(key);
            expect(found === undefined ? undefined : [...(found.get("y")?.data ?? [])]).toEqual(known?.bytes);
            if (known !== undefined) {
              model = [...model.filter((entry) => entry !== known), known];
              continue;
            }
            const bytes = Array.from({ length }, (_, at) => (at + number) % 256);
            cache.keep(key, new Map([["y", tensor(bytes)]]));
            const size = length + 512;
            if (size > limit) continue;
            model.push({ key, size, bytes });
            while (model.reduce((sum, entry) => sum + entry.size, 0) > limit) model.shift();
            expect(cache.size).toBe(model.reduce((sum, entry) => sum + entry.size, 0));
          }
          cache.forget(1);
          expect(cache.size).toBe(0);
        },
      ),
      { numRuns: 100 },
    ));

  it("holds copies: what becomes of the answer that was kept does not matter", () => {
    const cache = new ResponseCache(10_000);
    const given = tensor([1, 2, 3]);
    cache.keep("1 a", new Map([["y", given]]));
    given.data.fill(9);
    expect([...(cache.find("1 a")?.get("y")?.data ?? [])]).toEqual([1, 2, 3]);
    expect(cache.find("1 a")?.get("y")?.movable).toBe(false);
  });

  it("tells requests apart by all that the answer hangs on", () => {
    const base = () =>
      new Map([
        ["a", tensor([1, 2])],
        ["b", tensor([3])],
      ]);
    const keys = [
      cacheKey(1, base(), ["y"]),
      cacheKey(2, base(), ["y"]),
      cacheKey(1, base(), ["y", "z"]),
      cacheKey(
        1,
        new Map([
          ["a", tensor([1])],
          ["b", tensor([2, 3])],
        ]),
        ["y"],
      ),
      cacheKey(
        1,
        new Map([
          ["a", tensor([1, 2], [1, 2])],
          ["b", tensor([3])],
        ]),
        ["y"],
      ),
      cacheKey(
        1,
        new Map([
          ["a", { ...tensor([1, 2]), datatype: "INT8" as const }],
          ["b", tensor([3])],
        ]),
        ["y"],
      ),
      cacheKey(1, new Map([["a", tensor([1, 2])]]), ["y"]),
      cacheKey(
        1,
        new Map([
          ["a", tensor([1, 2])],
          ["c", tensor([3])],
        ]),
        ["y"],
      ),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    expect(cacheKey(1, new Map([...base()].reverse()), ["y"])).toBe(keys[0]);
  });
});

describe("a server with a cache", () => {
  let repository: TinyRepository;
  let server: InferenceServer;
  let client: RawClient;
  const io = `input [ { name: "x" data_type: TYPE_FP32 dims: [2] } ] output [ { name: "y" data_type: TYPE_FP32 dims: [2] } ]`;

  beforeAll(async () => {
    repository = await tinyRepository([
      scaler("kept", 2, `${io} response_cache { enable: true }`, [2]),
      scaler("batched", 3, `max_batch_size: 4 ${io} dynamic_batching {} response_cache { enable: true }`, [
        "n",
        2,
      ]),
      scaler("plain", 2, io, [2]),
      accumulator("sums"),
      {
        name: "summed",
        config: `platform: "ensemble"
input [ { name: "x" data_type: TYPE_FP32 dims: [2, 1] } ]
output [ { name: "y" data_type: TYPE_FP32 dims: [1] } ]
ensemble_scheduling { step [ { model_name: "sums" model_version: -1 input_map { key: "update" value: "x" } output_map { key: "total" value: "y" } } ] }
response_cache { enable: true }`,
      },
    ]);
    server = await createServer({ repository: repository.path, workers: 1, responseCacheSize: 100_000 });
    client = new RawClient(server.grpcAddress);
  });
  afterAll(async () => {
    client.close();
    await server.close();
    await repository.remove();
  });

  const ask = async (modelName: string, values: readonly number[], id = "", shape = [2n]) =>
    floats(
      await client.infer({
        modelName,
        id,
        inputs: [{ name: "x", datatype: "FP32", shape }],
        rawInputContents: [float32(values)],
      }),
    );

  it("runs a model once for what is asked six times, and counts as Triton does", async () => {
    for (const id of ["", "", "abc", "", ""]) expect(await ask("kept", [1, 2], id)).toEqual([2, 4]);
    expect(await ask("kept", [5, 6])).toEqual([10, 12]);
    const { modelStats } = await client.unary(GRPCInferenceService.method.modelStatistics, { name: "kept" });
    const [stats] = modelStats;
    const { inferenceStats: sums } = stats ?? {};
    // The counts that a Triton 2.51 with a local cache gave for the same six requests.
    expect([stats?.inferenceCount, stats?.executionCount]).toEqual([2n, 2n]);
    expect([sums?.success?.count, sums?.queue?.count, sums?.computeInfer?.count]).toEqual([6n, 6n, 2n]);
    expect([sums?.cacheHit?.count, sums?.cacheMiss?.count]).toEqual([4n, 2n]);
    const text = await (await fetch(server.metricsAddress ?? "")).text();
    expect(text).toContain('nv_cache_num_hits_per_model{model="kept",version="1"} 4');
    expect(text).toContain('nv_cache_num_misses_per_model{model="kept",version="1"} 2');
    expect(text).not.toContain('nv_cache_num_hits_per_model{model="plain"');
  });

  it("keeps nothing of an ensemble that has states: the same input has another answer", async () => {
    const parameters = { sequence_id: { parameterChoice: { case: "int64Param" as const, value: 7n } } };
    const start = { sequence_start: { parameterChoice: { case: "boolParam" as const, value: true } } };
    const totals: number[] = [];
    for (const more of [start, {}, {}])
      totals.push(
        ...floats(
          await client.infer({
            modelName: "summed",
            parameters: { ...parameters, ...more },
            inputs: [{ name: "x", datatype: "FP32", shape: [2n, 1n] }],
            rawInputContents: [float32([1, 2])],
          }),
        ),
      );
    expect(totals).toEqual([3, 6, 9]);
  });

  it("keeps a request's own rows of a batch", async () => {
    const once = () => Promise.all([1, 2, 3].map((value) => ask("batched", [value, -value], "", [1n, 2n])));
    const expected = [1, 2, 3].map((value) => [3 * value, -3 * value]);
    expect(await once()).toEqual(expected);
    expect(await once()).toEqual(expected);
  });
});

describe("caches that cannot be", () => {
  it.each([
    ["sequence_batching { }", "with sequence batching scheduler"],
    ["model_transaction_policy { decoupled: true }", "with 'decoupled' transaction policy"],
  ])("%s: the server says so in Triton's words", async (config, why) => {
    const io = `input [ { name: "x" data_type: TYPE_FP32 dims: [2] } ] output [ { name: "y" data_type: TYPE_FP32 dims: [2] } ]`;
    const repository = await tinyRepository([
      scaler("bad", 2, `${io} ${config} response_cache { enable: true }`, [2]),
    ]);
    await expect(createServer({ repository: repository.path, workers: 1 })).rejects.toThrow(
      `Response Cache does not currently support model bad ${why}. Please disable the response cache.`,
    );
    await repository.remove();
  });
});
