import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { concurrencies, loadTest } from "./index.ts";
import { type ServedModels, serveModels } from "./testing/served-models.ts";

describe("a load test of the embedded server", () => {
  let served: ServedModels;
  beforeAll(async () => {
    served = await serveModels();
  });
  afterAll(() => served[Symbol.asyncDispose]());
  const quick = { warmupMs: 50, windowMs: 150, maxWindows: 3, drainMs: 2000 } as const;

  it("smoke", async () => {
    for (const [server, streaming] of [
      [served.grpc, false],
      [served.http, false],
      [served.grpc, true],
    ] as const) {
      const result = await loadTest({
        target: { server, streaming, model: "double", shapes: { x: [4] }, batchSize: 2, check: "first" },
        loads: concurrencies({ start: 1, end: 2 }),
        ...quick,
      });
      console.log(JSON.stringify(result, null, 1));
      expect(result.levels).toHaveLength(2);
    }
  });
});
