import { rm } from "node:fs/promises";
import { clone, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { GRPCInferenceService, ModelProtoSchema } from "@strainflow/proto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TWINS, writeTwins } from "../conformance/models/write-twins.ts";
import { float32, floats } from "../conformance/wire/bytes.ts";
import { inferRequest } from "../conformance/wire/messages.ts";
import { RawGrpc } from "../conformance/wire/raw-grpc.ts";
import { Dice } from "./dice.ts";
import { MOST_GROWTH, MOST_SILENCE_MS, SEED, SHARDS } from "./effort.ts";
import { type FuzzedServer, startFuzzedServer } from "./fuzzed-server.ts";

type OnnxModel = MessageShape<typeof ModelProtoSchema>;
const { method } = GRPCInferenceService;
/** Of each shard. */
const CASES = 60;
const MODELS = ["variable", "simple", "types", "sum", "lanes", "work", "told"];

/** What a file may have wrong and still be an ONNX file; each changes one thing. */
const CHANGES: readonly ((model: OnnxModel, dice: Dice) => void)[] = [
  ({ graph }, dice) => void graph?.node.splice(dice.below(graph.node.length), 1),
  ({ graph }, dice) => graph?.node.push(dice.pick(graph.node)),
  ({ graph }) => void graph?.node.reverse(),
  ({ graph }, dice) => {
    if (graph)
      dice.pick(graph.node).opType = dice.pick(["Nope", "", "Relu", "Reshape", "Gather", "Loop", "Add"]);
  },
  ({ graph }, dice) => {
    if (graph) dice.pick(graph.node).input = [dice.pick(["x", "nope", "", "y"])];
  },
  ({ graph }, dice) => {
    if (graph) dice.pick(graph.node).output = [dice.pick(["x", "y", "", "total"])];
  },
  ({ graph }, dice) => {
    if (graph) dice.pick(graph.node).domain = "other";
  },
  ({ graph }, dice) => {
    if (graph) dice.pick([...graph.input, ...graph.output]).name = dice.pick(["", "x", "y", "nope"]);
  },
  ({ graph }, dice) => {
    const type = graph && dice.pick([...graph.input, ...graph.output]).type?.value;
    if (type?.case === "tensorType") type.value.elemType = dice.pick([0, 1, 2, 6, 8, 10, 16, 99]);
  },
  ({ graph }, dice) => {
    const type = graph && dice.pick([...graph.input, ...graph.output]).type?.value;
    const dim = type?.case === "tensorType" ? type.value.shape?.dim : undefined;
    for (const one of dim ?? [])
      one.value = { case: "dimValue", value: dice.pick([0n, -1n, 1n, 2n ** 40n, 2n ** 63n - 1n]) };
  },
  ({ graph }, dice) => {
    for (const { attribute } of graph?.node ?? [])
      for (const { t } of attribute) if (t !== undefined) t.dims = [dice.pick([0n, -1n, 7n, 2n ** 50n])];
  },
  (model, dice) => {
    for (const opset of model.opsetImport) opset.version = dice.pick([0n, -1n, 1n, 9999n]);
  },
  (model, dice) => {
    model.irVersion = dice.pick([0n, -1n, 1n, 99n]);
  },
  (model) => {
    model.graph = undefined;
  },
];

function mutated(file: Uint8Array, dice: Dice): Uint8Array {
  if (dice.chance(0.3)) {
    const bytes = Uint8Array.from(file);
    for (let i = 1 + dice.below(4); i > 0; i--) bytes[dice.below(bytes.length)] = dice.below(256);
    return dice.chance(0.3) ? bytes.subarray(0, dice.below(bytes.length)) : bytes;
  }
  const model = clone(ModelProtoSchema, fromBinary(ModelProtoSchema, file));
  for (let i = dice.pick([1, 1, 2]); i > 0; i--) dice.pick(CHANGES)(model, dice);
  return toBinary(ModelProtoSchema, model);
}

describe("changed ONNX files, loaded while the server serves", () => {
  let folder = "";
  let server: FuzzedServer;
  let client: RawGrpc;
  const twins = TWINS.filter(({ name }) => MODELS.includes(name));
  beforeAll(async () => {
    const repository = await writeTwins(
      "onnx",
      twins.filter(({ name }) => name === "variable"),
    );
    folder = repository.path;
    server = await startFuzzedServer(folder, { workers: 1 });
    client = new RawGrpc(server.grpc);
    await tryAll("warm-up", 10);
  }, 120_000);
  afterAll(async () => {
    client?.close();
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function tryAll(
    shard: string,
    count: number,
  ): Promise<{ readonly loaded: number; readonly refused: number }> {
    const counts = { loaded: 0, refused: 0 };
    for (let index = 0; index < count; index++) {
      const name = `${SEED}/onnx/${shard}/${index}`;
      const dice = new Dice(name);
      const twin = dice.pick(twins);
      const file = twin.onnx?.graphs["1"];
      if (file === undefined) throw new Error(`${twin.name} has no graph`);
      const bytes = mutated(file, dice);
      const { config } = await client.call(method.modelConfig, { name: "variable" });
      expect(config?.name).toBe("variable");
      const parameters = {
        config: {
          parameterChoice: { case: "stringParam" as const, value: '{"platform": "onnxruntime_onnx"}' },
        },
        "file:1/model.onnx": { parameterChoice: { case: "bytesParam" as const, value: bytes } },
      };
      const loaded = await client.call(method.repositoryModelLoad, { modelName: "brought", parameters }).then(
        () => true,
        (error: { details?: string; code?: number }) => {
          // Refused, with words; not a server that is gone.
          expect([3, 13], name).toContain(error.code);
          expect(error.details).toMatch(/brought/);
          expect(error.details).not.toContain(folder);
          return false;
        },
      );
      counts[loaded ? "loaded" : "refused"]++;
      if (loaded) {
        // What it computes is its own affair; it answers or refuses.
        await client
          .refused(inferRequest("brought", [["x", "FP32", [1, 2], float32(1, 2)]]))
          .catch(() => undefined);
        await client.call(method.repositoryModelUnload, { modelName: "brought" });
      }
      server.checkAlive();
      const read = await client.infer(inferRequest("variable", [["x", "FP32", [1, 2], float32(1, 2)]]));
      expect(floats(read, "y")).toEqual([2, 3]);
    }
    return counts;
  }

  it.each(SHARDS.map(String))(
    `shard %s: ${CASES} files, each loaded or refused; no death, no silence, no growth`,
    async (shard) => {
      const before = server.memory();
      await server.longestSilenceMs();
      const { loaded, refused } = await tryAll(shard, CASES);
      expect(loaded).toBeGreaterThan(2);
      expect(refused).toBeGreaterThan(10);
      expect(await server.longestSilenceMs()).toBeLessThan(MOST_SILENCE_MS);
      expect((await server.settledMemory(before + MOST_GROWTH)) - before).toBeLessThan(MOST_GROWTH);
    },
    120_000,
  );
});
