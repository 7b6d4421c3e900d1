import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { GRPCInferenceService } from "@strainflow/proto";
import { describe, expect, it } from "vitest";
import { counter, controlModels as models, scale } from "../testing/control-models.ts";
import { float32, floats, sequence } from "../testing/raw-client.ts";
import { serveTiny } from "../testing/serve-tiny.ts";

const { method } = GRPCInferenceService;

describe("models that are replaced while they are used", () => {
  const tiny = serveTiny(
    models,
    { workers: 2, modelControl: "explicit", startupModels: ["net"], metricsPort: false },
    "test",
  );
  const load = (modelName: string) => tiny.client.unary(method.repositoryModelLoad, { modelName });
  const unload = (modelName: string) => tiny.client.unary(method.repositoryModelUnload, { modelName });
  const index = async (): Promise<string[]> => {
    const { models: all } = await tiny.client.unary(method.repositoryIndex, {});
    return all.map(({ name, version, state, reason }) => [name, version, state, reason].join(":"));
  };
  const infer = async (modelName: string, modelVersion = "", input = "x"): Promise<number[]> =>
    floats(await tiny.infer(modelName, { modelVersion, input, values: [1, 10] }));

  it("replaces models under load without one failed or mixed answer", async () => {
    await load("ens");
    let going = true;
    let answers = 0;
    const unary = async (): Promise<void> => {
      while (going) {
        const [one = 0, ten = 0] = await infer("net");
        expect([2, 3, 4, 5]).toContain(one);
        expect(ten).toBe(10 * one);
        answers++;
      }
    };
    /** Sequences on the ensemble: `by` and the factor must stay those of the START for all of a sequence. */
    const sequences = async (lane: number): Promise<void> => {
      for (let round = 0; going; round++) {
        const id = BigInt(1000 * (lane + 1) + round);
        let by = 0;
        let factor = 0;
        for (let at = 1; at <= 12; at++) {
          const response = await tiny.client.infer({
            modelName: "ens",
            parameters: sequence(id, { start: at === 1, end: at === 12 }),
            inputs: [{ name: "a", datatype: "FP32", shape: [2n] }],
            rawInputContents: [float32([1, 100])],
          });
          const [first = 0, second = 0] = floats(response);
          if (at === 1) {
            by = 1000 * Math.floor(first / 1000);
            factor = first - by;
          }
          expect([first, second]).toEqual([by + factor * at, by + factor * at * 100]);
          answers++;
        }
      }
    };
    const work = [unary(), unary(), sequences(0), sequences(1), sequences(2)];
    const file = (name: string) => join(tiny.repository.path, name, "1", "model.onnx");
    for (let round = 0; round < 6; round++) {
      await writeFile(file("net"), scale(2 + (round % 4)));
      await writeFile(file("count"), counter(1000 * (1 + (round % 3))));
      await load("net");
      await load("count");
    }
    going = false;
    await Promise.all(work);
    expect(answers).toBeGreaterThan(200);
  });

  it("lets open sequences of an unloaded model end, and then lets go of it", async () => {
    await load("count");
    const next = async (id: bigint, flags: { start?: boolean; end?: boolean }): Promise<number[]> =>
      floats(
        await tiny.client.infer({
          modelName: "count",
          parameters: sequence(id, flags),
          inputs: [{ name: "x", datatype: "FP32", shape: [2n] }],
          rawInputContents: [float32([1, 2])],
        }),
      );
    expect(await next(1n, { start: true })).toEqual([1001, 1002]);
    await unload("count");
    expect(await index()).toContain("count:1:UNLOADING:");
    expect(await next(1n, {})).toEqual([1002, 1004]);
    await expect(next(2n, { start: true })).rejects.toMatchObject({ code: status.NOT_FOUND });
    const overHttp = await fetch(`${tiny.server.httpAddress}/v2/models/count/infer`, {
      method: "POST",
      body: JSON.stringify({
        parameters: { sequence_id: 1 },
        inputs: [{ name: "x", datatype: "FP32", shape: [2], data: [0, 0] }],
      }),
    });
    expect(await overHttp.json()).toMatchObject({ outputs: [{ data: [1002, 1004] }] });
    expect(await next(1n, { end: true })).toEqual([1003, 1006]);
    for (let wait = 0; wait < 200 && !(await index()).includes("count:1:UNAVAILABLE:unloaded"); wait++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await index()).toContain("count:1:UNAVAILABLE:unloaded");
    await expect(next(1n, {})).rejects.toMatchObject({ code: status.NOT_FOUND });
  });
});
