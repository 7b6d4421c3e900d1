import { GRPCInferenceService } from "@strainflow/proto";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { describeTriton } from "../support/real-triton.ts";
import { CACHED_TWINS } from "./models/cached.ts";
import type { ServerName } from "./subject.ts";
import { type Running, startSubject } from "./subjects.ts";
import { float32, floats } from "./wire/bytes.ts";
import { inferRequest } from "./wire/messages.ts";
import { RawGrpc } from "./wire/raw-grpc.ts";

/* Answers out of a cache, and how they are counted: the same figures from both servers. */
function caching(name: ServerName): void {
  let running: Running;
  let client: RawGrpc;
  beforeAll(async () => {
    running = await startSubject(name, { models: CACHED_TWINS, cacheSize: 1 << 20 });
    client = new RawGrpc(running.grpc);
  }, 120_000);
  afterAll(async () => {
    client?.close();
    await running?.stop();
  });

  let round = 0;

  const ask = async (model: string, ...values: readonly [number, number]): Promise<readonly number[]> =>
    floats(await client.infer(inferRequest(model, [["x", "FP32", [2], float32(...values)]])), "y");

  /** Of a model: requests answered, runs, times found and not found. */
  const counts = async (model: string): Promise<readonly number[]> => {
    const { modelStats } = await client.call(GRPCInferenceService.method.modelStatistics, { name: model });
    const { executionCount, inferenceCount, inferenceStats: sums } = modelStats[0] ?? {};
    return [
      sums?.success?.count,
      sums?.queue?.count,
      sums?.computeInfer?.count,
      inferenceCount,
      executionCount,
      sums?.cacheHit?.count,
      sums?.cacheMiss?.count,
    ].map(Number);
  };
  it("a model, a step of an ensemble, and an ensemble as a whole", async () => {
    // Another try, should there be one, finds none of this one's answers.
    const a = 100 * round++;
    const before = new Map<string, readonly number[]>();
    for (const { name } of CACHED_TWINS) before.set(name, await counts(name));
    /** Triton counts a request after its answer was sent. */
    const gains = (model: string, expected: readonly number[]): Promise<void> =>
      vi.waitFor(async () => {
        const gained = (await counts(model)).map((count, at) => count - (before.get(model)?.[at] ?? 0));
        expect([model, ...gained]).toEqual([model, ...expected]);
      }, 5000);
    const times = async (by: number, model: string, ...first: readonly number[]): Promise<void> => {
      for (const x of first) expect(await ask(model, a + x, x)).toEqual([by * (a + x), by * x]);
    };

    await times(2, "kept", 1, 1);
    await gains("kept", [2, 2, 1, 1, 1, 1, 1]);

    await times(6, "kept_within", 1, 3, 3);
    // The step finds what was asked of its model before; the ensemble itself looks nowhere.
    await gains("kept", [5, 5, 2, 2, 2, 3, 2]);
    await gains("fresh", [3, 3, 3, 3, 3, 0, 0]);
    await gains("kept_within", [3, 3, 3, 3, 3, 0, 0]);

    await times(6, "kept_whole", 1, 5, 5);
    // Where the whole is found, no step hears of it.
    await gains("kept_whole", [3, 3, 2, 2, 2, 1, 2]);
    await gains("kept", [7, 7, 3, 3, 3, 4, 3]);
    await gains("fresh", [5, 5, 5, 5, 5, 0, 0]);
  });
}

describeTriton("a real Triton with a cache", () => caching("triton"));
describe("the embedded server with a cache", () => caching("embedded"));
