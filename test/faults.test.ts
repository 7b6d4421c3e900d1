import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LaunchedServer, launch } from "@strainflow/launch";
import { isStrainflowError } from "@strainflow/series";
import { connect } from "@strainflow/triton";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { IN_FLIGHT, memoryUpdates } from "./support/averaged-stream.ts";
import { averaging, writeAveragingEnsemble } from "./support/averaging-ensemble.ts";
import { type DisturbedStream, disturbedStream } from "./support/disturbed-stream.ts";
import { FAULT_KINDS, planFaults, WATCHDOG_MS } from "./support/faults.ts";
import { expectFreeSlots } from "./support/free-slots.ts";
import { type RealTriton, startRealTriton, withoutTriton } from "./support/real-triton.ts";
import { layPlan, strike } from "./support/strike.ts";
import { describeToxiproxy, startToxiproxy, type Toxiproxy } from "./support/toxiproxy.ts";

/** Faults in all; `npm run test:faults` has 200. */
const FAULTS = Number(process.env["STRAINFLOW_FAULTS"] ?? 20);
/** Another one, another plan: the name of a failed test has the seed that it failed with. */
const SEED = process.env["STRAINFLOW_SEED"] ?? "1";
/** 16 h, as aframe sets it: a slot that is not given back stays taken. */
const IDLE_MICROSECONDS = 16 * 3600 * 1e6;
const SLOTS = 6;
const UPDATE_SIZE = averaging.strideSize * averaging.batchSize;
const LIMITS = { responseTimeoutMs: WATCHDOG_MS, connectTimeoutMs: 5000 };

interface Server {
  readonly address: string;
}

/** A stream through `server` on a road of faults; all that must hold of it. */
async function expectUnchanged(
  server: Server,
  toxiproxy: Toxiproxy,
  plan: ReturnType<typeof planFaults>,
  transport: "grpc-js" | "http2",
  stream: string,
): Promise<DisturbedStream> {
  const road = await toxiproxy.road(server.address);
  await layPlan(plan, road);
  const [client, direct] = await Promise.all([
    connect(road.address, { transport, ...LIMITS }),
    connect(server.address, { transport, connectTimeoutMs: LIMITS.connectTimeoutMs }),
  ]);
  try {
    const [model, calm] = [await client.model("denoise"), await direct.model("denoise")];
    const run = await disturbedStream(stream, model, calm, (disturbed) => strike(plan, road, disturbed));
    expect(run.bytes.equals(run.undisturbed.bytes)).toBe(true);
    expect(run.bytes.length).toBeGreaterThan(plan.length * UPDATE_SIZE);
    const ending = plan.filter(({ kind }) => kind.ends !== "not");
    expect(run.recoveries.length).toBeGreaterThanOrEqual(ending.length);
    expect(run.watched.mostSentAgain()).toBeLessThanOrEqual(memoryUpdates(model) + IN_FLIGHT);
    for (const { error, unansweredMs, answered } of run.watched.losses)
      if (answered > 0 && isStrainflowError(error) && error.details["reason"] === "watchdog")
        expect(unansweredMs).toBeLessThanOrEqual(WATCHDOG_MS + 500);
    return run;
  } finally {
    client.close();
    direct.close();
  }
}

describeToxiproxy("faults on the line to the embedded server", () => {
  let folder: string;
  let server: LaunchedServer;
  let toxiproxy: Toxiproxy;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "strainflow-faults-"));
    await writeAveragingEnsemble(folder, averaging, {
      instances: SLOTS,
      maxSequenceIdleMicroseconds: IDLE_MICROSECONDS,
    });
    [server, toxiproxy] = await Promise.all([
      launch({ runtime: "embedded", repository: folder }),
      startToxiproxy(),
    ]);
  });
  afterAll(async () => {
    await Promise.all([server?.close(), toxiproxy?.[Symbol.asyncDispose]()]);
    await rm(folder, { recursive: true, force: true });
  });

  it.each(["grpc-js", "http2"] as const)(
    `change no byte over %s, are noticed in time, and leave every slot free (seed ${SEED})`,
    { timeout: 120_000 + FAULTS * 10_000 },
    async (transport) => {
      const plan = planFaults(`${SEED} embedded ${transport}`, Math.ceil(0.35 * FAULTS), UPDATE_SIZE);
      await expectUnchanged(server, toxiproxy, plan, transport, `faults-${transport}`);
      await expectFreeSlots(server.address, "denoise", SLOTS);
    },
  );
});

describe.skipIf(withoutTriton)("a real Triton (needs one, which `npm test` sets up)", () => {
  describeToxiproxy("faults on the line to it", () => {
    let folder: string;
    let server: RealTriton;
    let toxiproxy: Toxiproxy;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "strainflow-triton-faults-"));
      await writeAveragingEnsemble(folder, averaging, {
        backend: "python",
        instances: SLOTS,
        maxSequenceIdleMicroseconds: IDLE_MICROSECONDS,
      });
      [server, toxiproxy] = await Promise.all([startRealTriton(folder), startToxiproxy()]);
    }, 120_000);
    afterAll(async () => {
      await Promise.all([server?.close(), toxiproxy?.[Symbol.asyncDispose]()]);
      await rm(folder, { recursive: true, force: true });
    });

    it.each(["grpc-js", "http2"] as const)(
      `that end connections change no byte over %s, and leave all of ${SLOTS} slots free, which silence would for 16 h (seed ${SEED})`,
      { timeout: 120_000 + FAULTS * 10_000 },
      async (transport) => {
        const kinds = FAULT_KINDS.filter(({ ends }) => ends !== "not");
        const plan = planFaults(`${SEED} triton ${transport}`, Math.ceil(0.15 * FAULTS), UPDATE_SIZE, kinds);
        await expectUnchanged(server, toxiproxy, plan, transport, `faults-${transport}`);
        await expectFreeSlots(server.address, "denoise", SLOTS);
      },
    );
  });
});
