import { create, toJson } from "@bufbuild/protobuf";
import { type ServiceError, status } from "@grpc/grpc-js";
import {
  GRPCInferenceService,
  Health,
  ModelConfigSchema,
  HealthCheckResponse_ServingStatus as Serving,
} from "@strainflow/proto";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { TWINS } from "../models/write-twins.ts";
import { expected, type Topic, topic } from "../subject.ts";
import { float32 } from "../wire/bytes.ts";
import { inferRequest } from "../wire/messages.ts";
import { RawGrpc } from "../wire/raw-grpc.ts";

const { method } = GRPCInferenceService;

const OWN_NAME = { why: "it is no Triton", embedded: "strainflow" };

/** What a client asks before it sends anything. */
export const queries: Topic = topic("questions about the server and its models", (subject) => {
  let client: RawGrpc;
  beforeAll(() => {
    client = new RawGrpc(subject().grpc);
  });
  afterAll(() => client.close());

  it("live, ready, healthy", async () => {
    expect((await client.call(method.serverLive, {})).live).toBe(true);
    expect((await client.call(method.serverReady, {})).ready).toBe(true);
    expect((await client.call(Health.method.check, {})).status).toBe(Serving.SERVING);
    expect((await client.call(Health.method.check, { service: GRPCInferenceService.typeName })).status).toBe(
      Serving.SERVING,
    );
    // Triton looks at no name; the health protocol says NOT_FOUND for one that is not served, and so does ours.
    const stranger = await client.call(Health.method.check, { service: "no" }).then(
      ({ status }) => Serving[status],
      (error: ServiceError) => status[error.code],
    );
    expect(stranger).toBe(
      expected(subject(), "SERVING", { why: "the protocol's own rule", embedded: "NOT_FOUND" }),
    );
  });

  it("who it is, and what it can", async () => {
    const { name, version, extensions } = await client.call(method.serverMetadata, {});
    // Our own name and version: a client that asks is to know whom it talks to. A Triton has the id it was started with.
    expect(name).toEqual(expected<string>(subject(), expect.any(String) as string, OWN_NAME));
    expect(version).toMatch(/^[0-9]+\.[0-9]+\.[0-9]+$/);
    expect(extensions).toEqual(
      expect.arrayContaining([
        "classification",
        "sequence",
        "model_configuration",
        "binary_tensor_data",
        "parameters",
        "statistics",
      ]),
    );
  });

  it("which models are ready", async () => {
    const ready = async (name: string, version = "") =>
      (await client.call(method.modelReady, { name, version })).ready;
    expect([
      await ready("net"),
      await ready("net", "1"),
      await ready("plain", "7"),
      await ready("chain"),
    ]).toEqual([true, true, true, true]);
    expect([await ready("nope"), await ready("net", "2"), await ready("plain", "2")]).toEqual([
      false,
      false,
      false,
    ]);
    expect((await client.failure(method.modelReady, { name: "net", version: "x" })).code).toBe(
      "INVALID_ARGUMENT",
    );
  });

  it("the metadata of models", async () => {
    const metadata = async (name: string, version = "") => {
      const { inputs, outputs, versions, platform } = await client.call(method.modelMetadata, {
        name,
        version,
      });
      const tensors = (list: typeof inputs) =>
        list.map((one) => [one.name, one.datatype, ...one.shape.map(Number)].join(" "));
      return {
        versions,
        inputs: tensors(inputs),
        outputs: tensors(outputs),
        ensemble: platform === "ensemble",
      };
    };
    expect(await metadata("net")).toEqual({
      versions: ["1"],
      inputs: ["x FP32 -1 2 4"],
      outputs: ["y FP32 -1 2 4"],
      ensemble: false,
    });
    expect(await metadata("plain")).toMatchObject({ versions: ["1", "7"], inputs: ["x FP32 3"] });
    expect(await metadata("variable")).toMatchObject({ inputs: ["x FP32 -1 -1"], outputs: ["y FP32 -1 -1"] });
    expect(await metadata("greeter")).toMatchObject({
      inputs: ["text BYTES 1", "n INT32 1"],
      outputs: ["answer BYTES 1", "twice INT32 1"],
    });
    expect(await metadata("bf16")).toMatchObject({ inputs: ["IN BF16 -1"], outputs: ["OUT BF16 -1"] });
    // Neither controls nor states are inputs.
    expect(await metadata("sum")).toMatchObject({ inputs: ["x FP32 1"], outputs: ["total FP32 1"] });
    expect(await metadata("told")).toMatchObject({ inputs: ["x FP32 1"] });
    expect(await metadata("chain")).toEqual({
      versions: ["1"],
      inputs: ["update FP32 1"],
      outputs: ["total FP32 1", "doubled FP32 1", "grand FP32 1"],
      ensemble: true,
    });
  });

  it("unknown models and versions, whatever is asked about them", async () => {
    const unknown = { code: "NOT_FOUND", text: "Request for unknown model: 'nope' is not found" };
    const version = { code: "NOT_FOUND", text: "Request for unknown model: 'net' version 9 is not found" };
    expect(await client.failure(method.modelMetadata, { name: "nope" })).toEqual(unknown);
    expect(await client.failure(method.modelConfig, { name: "nope" })).toEqual(unknown);
    expect(await client.failure(method.modelMetadata, { name: "net", version: "9" })).toEqual(version);
    expect(await client.failure(method.modelConfig, { name: "net", version: "9" })).toEqual(version);
    expect((await client.failure(method.modelStatistics, { name: "nope" })).code).not.toBe("OK");
  });

  it("the configuration of models", async () => {
    const config = async (name: string) =>
      (await client.call(method.modelConfig, { name })).config ?? create(ModelConfigSchema);
    const net = await config("net");
    expect(toJson(ModelConfigSchema, net)).toMatchObject({ name: "net", maxBatchSize: 8 });
    expect(net.input[0]).toMatchObject({ name: "x", dims: [2n, 4n] });
    expect(net.versionPolicy?.policyChoice).toMatchObject({ case: "latest", value: { numVersions: 1 } });
    expect(net.instanceGroup).toMatchObject([{ name: "net_0", count: 1 }]);
    const sequence = (await config("sum")).schedulingChoice;
    expect(sequence).toMatchObject({
      case: "sequenceBatching",
      value: { maxSequenceIdleMicroseconds: 5_000_000n, strategyChoice: { case: "direct" } },
    });
    expect((await config("brief")).schedulingChoice).toMatchObject({
      value: { maxSequenceIdleMicroseconds: 1_000_000n },
    });
    expect((await config("dynamic")).schedulingChoice).toMatchObject({
      case: "dynamicBatching",
      value: { preferredBatchSize: [4] },
    });
    expect((await config("chain")).platform).toBe("ensemble");
    expect((await config("repeat")).modelTransactionPolicy?.decoupled).toBe(true);
  });

  it("the index of the repository", async () => {
    const { models } = await client.call(method.repositoryIndex, {});
    const names = [...new Set(models.map(({ name }) => name))];
    expect(names.sort()).toEqual(TWINS.map(({ name }) => name).sort());
    expect(
      models
        .filter(({ name }) => name === "plain")
        .map(({ version, state, reason }) => [version, state, reason]),
    ).toEqual([
      ["1", "READY", ""],
      ["7", "READY", ""],
    ]);
  });

  it("statistics count what ran", async () => {
    const statistics = async (name: string) =>
      (await client.call(method.modelStatistics, { name })).modelStats[0];
    const before = await statistics("net");
    const request = (batch: number) =>
      inferRequest("net", [["x", "FP32", [batch, 2, 4], float32(...new Array<number>(8 * batch).fill(1))]]);
    await client.infer(request(3));
    await client.infer(request(1));
    let after = await statistics("net");
    const gained = (pick: (of: NonNullable<typeof after>) => bigint | undefined) =>
      Number((after && pick(after)) ?? 0n) - Number((before && pick(before)) ?? 0n);
    // Triton counts a request after it has sent the answer.
    await vi.waitFor(async () => {
      after = await statistics("net");
      expect([
        gained((of) => of.inferenceCount),
        gained((of) => of.executionCount),
        gained((of) => of.inferenceStats?.success?.count),
      ]).toEqual([4, 2, 2]);
    }, 5000);
    expect(gained((of) => of.inferenceStats?.computeInfer?.ns)).toBeGreaterThan(0);
    expect(gained((of) => of.batchStats.find(({ batchSize }) => batchSize === 3n)?.computeInfer?.count)).toBe(
      1,
    );
    expect(after).toMatchObject({ name: "net", version: "1" });
    const all = await client.call(method.modelStatistics, {});
    expect([...new Set(all.modelStats.map(({ name }) => name))].sort()).toEqual(
      TWINS.map(({ name }) => name).sort(),
    );
  });
});
