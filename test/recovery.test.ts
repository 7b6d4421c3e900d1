import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launch } from "@strainflow/launch";
import { connect } from "@strainflow/triton";
import { createRandom } from "@strainflow/waveforms";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { IN_FLIGHT, memoryUpdates } from "./support/averaged-stream.ts";
import { averaging, writeAveragingEnsemble } from "./support/averaging-ensemble.ts";
import { disturbedStream } from "./support/disturbed-stream.ts";

/** How many kills by transport; `npm run test:faults` has 100. */
const KILLS = Number(process.env["STRAINFLOW_KILLS"] ?? 10);
/** Another one, other moments: the name of a failed test has the seed that it failed with. */
const SEED = process.env["STRAINFLOW_SEED"] ?? "1";

describe.each(["grpc-js", "http2"] as const)(
  "a server killed while a stream runs through it over %s",
  (transport) => {
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "strainflow-kills-"));
      await writeAveragingEnsemble(folder);
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));

    it(`gives byte-identical output after ${KILLS} kills, and sends again no more than memory and requests in flight (seed ${SEED})`, {
      timeout: 60_000 + KILLS * 20_000,
    }, async () => {
      const server = await launch({
        runtime: "embedded",
        repository: folder,
        supervise: { maxRestarts: 10 * KILLS, firstPauseMs: 10, longestPauseMs: 50 },
      });
      const client = await connect(server.address, { transport });
      try {
        const model = await client.model("denoise");
        const random = createRandom(`kills ${transport} ${SEED}`);
        const updateSize = averaging.strideSize * averaging.batchSize;
        const run = await disturbedStream("recovery", model, model, async (stream) => {
          for (let kill = 1; kill <= KILLS; kill++) {
            await stream.progress(Math.ceil(40 * random.uniform() * updateSize), `before kill ${kill}`);
            process.kill(server.pid, "SIGKILL");
            await stream.until(() => stream.recoveries() === kill, `kill ${kill} to be made good`);
          }
        });
        expect(run.recoveries).toHaveLength(KILLS);
        expect(run.bytes.equals(run.undisturbed.bytes)).toBe(true);
        const most = memoryUpdates(model) + IN_FLIGHT;
        for (const { updatesSentAgain } of run.recoveries) expect(updatesSentAgain).toBeLessThanOrEqual(most);
        expect(run.watched.mostSentAgain()).toBeLessThanOrEqual(most);
      } finally {
        client.close();
        await server.close();
      }
    });
  },
);
