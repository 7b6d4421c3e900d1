import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LaunchOptions, launch } from "@strainflow/launch";
import { connect, type TransportName } from "@strainflow/triton";
import { createRandom } from "@strainflow/waveforms";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { IN_FLIGHT, memoryUpdates } from "./support/averaged-stream.ts";
import { averaging, writeAveragingEnsemble } from "./support/averaging-ensemble.ts";
import { disturbedStream } from "./support/disturbed-stream.ts";
import { firstDifference } from "./support/output-bytes.ts";
import { describeTriton, tritonHome } from "./support/real-triton.ts";

/** How many kills by transport; `npm run test:faults` has 100. */
const KILLS = Number(process.env["STRAINFLOW_KILLS"] ?? 5);
/** A real Triton takes a while to come back. */
const TRITON_KILLS = Math.ceil(KILLS / 10);
/** Another one, other moments: the name of a failed test has the seed that it failed with. */
const SEED = process.env["STRAINFLOW_SEED"] ?? "1";

const promise = (kills: number): string =>
  `gives byte-identical output after ${kills} kills, and sends again no more than memory and requests in flight (seed ${SEED})`;

/** Kills a server again and again while a stream runs through it; all that must hold of that stream. */
async function expectUnchanged(
  options: LaunchOptions,
  transport: TransportName,
  kills: number,
): Promise<void> {
  const server = await launch({
    ...options,
    supervise: { maxRestarts: 10 * kills, firstPauseMs: 10, longestPauseMs: 50 },
  });
  const client = await connect(server.address, { transport });
  try {
    const model = await client.model("denoise");
    const random = createRandom(`kills ${transport} ${SEED}`);
    const updateSize = averaging.strideSize * averaging.batchSize;
    const run = await disturbedStream("recovery", model, model, async (stream) => {
      for (let kill = 1; kill <= kills; kill++) {
        await stream.progress(Math.ceil(40 * random.uniform() * updateSize), `before kill ${kill}`);
        process.kill(server.pid, "SIGKILL");
        // The client may be served by a new server before the launcher knows its pid.
        await stream.until(
          () => stream.recoveries() === kill && server.restarts === kill,
          `kill ${kill} to be made good`,
        );
      }
    });
    expect(run.recoveries).toHaveLength(kills);
    expect(firstDifference(run.bytes, run.undisturbed.bytes)).toBeUndefined();
    const most = memoryUpdates(model) + IN_FLIGHT;
    for (const { updatesSentAgain } of run.recoveries) expect(updatesSentAgain).toBeLessThanOrEqual(most);
    expect(run.watched.mostSentAgain()).toBeLessThanOrEqual(most);
    console.log(
      `${options.runtime}, ${transport}: ${kills} kills in ${run.seconds} s of data; ` +
        `at most ${run.watched.mostSentAgain()} updates sent again, of ${most} allowed`,
    );
  } finally {
    client.close();
    await server.close();
  }
}

describe("a server killed while a stream runs through it", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "strainflow-kills-"));
    await writeAveragingEnsemble(folder);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each(["frames", "grpc-js"] as const)(
    `over %s ${promise(KILLS)}`,
    { timeout: 60_000 + KILLS * 20_000 },
    (transport) => expectUnchanged({ runtime: "embedded", repository: folder }, transport, KILLS),
  );
});

describeTriton("a real Triton killed while a stream runs through it", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "strainflow-kills-"));
    await writeAveragingEnsemble(folder, averaging, { backend: "python" });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it(promise(TRITON_KILLS), { timeout: 60_000 + TRITON_KILLS * 60_000 }, () =>
    expectUnchanged(
      {
        runtime: "triton",
        repository: folder,
        stopTimeoutMs: 0,
        ...(tritonHome === undefined ? {} : { python: tritonHome }),
      },
      "frames",
      TRITON_KILLS,
    ),
  );
});
