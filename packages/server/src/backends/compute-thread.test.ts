import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { loadModels } from "../models/load-models.ts";
import type { Model } from "../models/model.ts";
import type { Outcome } from "../scheduling/scheduler.ts";
import type { RawTensors } from "../tensors/raw-tensor.ts";
import { float32 } from "../testing/raw-client.ts";
import {
  CHANNELS,
  scaler,
  snapshotter,
  type TinyRepository,
  tinyRepository,
  UPDATE,
} from "../testing/tiny-repository.ts";
import { ServerLog } from "../watching/server-log.ts";
import { ComputeThread } from "./compute-thread.ts";

describe("a compute thread that dies", () => {
  let repository: TinyRepository;
  const threads: ComputeThread[] = [];

  beforeAll(async () => {
    repository = await tinyRepository([snapshotter("snap"), scaler("net", 2, "", [3])]);
  });
  afterEach(async () => {
    await Promise.all(threads.splice(0).map((thread) => thread.close()));
  });
  afterAll(() => repository.remove());

  const update: RawTensors = new Map([
    [
      "snapshot_update",
      {
        datatype: "FP32",
        shape: [1, CHANNELS, UPDATE],
        data: float32(new Array(CHANNELS * UPDATE).fill(1)),
        movable: false,
      },
    ],
  ]);
  const infer = (model: Model, id: bigint, start: boolean): Promise<Outcome> =>
    new Promise((resolve) =>
      model.infer({ id: "", inputs: update, sequence: { id, start, end: false } }, resolve),
    );

  it("takes its requests with it, and its sequences; the models come back", async () => {
    const log: string[] = [];
    const loaded = await loadModels({
      repository: repository.path,
      workers: 1,
      log: new ServerLog({ write: (line) => log.push(line) }),
    });
    threads.push(...loaded.threads);
    const model = loaded.registry.get("snap", "");
    expect(await infer(model, 1n, true)).toBeInstanceOf(Map);

    const holder = loaded.threads.find(({ name }) => name.startsWith("sequence"));
    const crashed = holder?.crash();
    const inside = infer(model, 1n, false);
    const waiting = infer(model, 2n, true);
    await crashed;
    expect(await inside).toMatchObject({ code: "UNAVAILABLE" });
    // It waited for the slot of the first, and had no state to lose.
    expect(await waiting).toBeInstanceOf(Map);
    await expect(infer(model, 1n, false)).rejects.toThrow("must specify the START flag");
    expect(await infer(model, 2n, false)).toBeInstanceOf(Map);
    expect(loaded.registry.ready).toBe(true);
    expect(log).toContainEqual(expect.stringContaining("is started again with its 1 models"));
  });

  it("stays down when it dies again and again", async () => {
    const log: string[] = [];
    const thread = new ComputeThread("fragile", (line) => log.push(line));
    threads.push(thread);
    for (let i = 0; i < 6; i++) await thread.crash();
    expect(thread.ready).toBe(false);
    expect(log.at(-1)).toContain("stays down");
    const outcome = await new Promise((resolve) => thread.run([], [], [], resolve));
    expect(outcome).toMatchObject({ code: "UNAVAILABLE" });
  });

  it("answers a run that fails, and goes on", async () => {
    const thread = new ComputeThread("worker", () => {});
    threads.push(thread);
    const path = join(repository.path, "net", "1", "model.onnx");
    await thread.load(1, {
      path,
      intraOpThreads: 1,
      interOpThreads: 1,
      optimizationLevel: "all",
      states: [],
    });
    const run = (size: number) =>
      new Promise((resolve) =>
        thread.run(
          [{ model: 1, inputs: { x: "x" }, outputs: { y: "y" } }],
          [{ name: "x", datatype: "FP32", shape: [size], buffer: new ArrayBuffer(4 * size) }],
          ["y"],
          resolve,
        ),
      );
    expect(await run(2)).toMatchObject({
      code: "INTERNAL",
      message: expect.stringContaining("invalid dimensions"),
    });
    expect(await run(3)).toMatchObject({ tensors: [{ name: "y", shape: [3] }] });
  });
});
