import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, connect as connectSocket, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LaunchedServer, launch } from "@strainflow/launch";
import { isStrainflowError } from "@strainflow/series";
import { connect, type TransportName } from "@strainflow/triton";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { IN_FLIGHT, memoryUpdates } from "./support/averaged-stream.ts";
import { averaging, writeAveragingEnsemble } from "./support/averaging-ensemble.ts";
import { disturbedStream } from "./support/disturbed-stream.ts";
import { FAULT_KINDS, planFaults, WATCHDOG_MS } from "./support/faults.ts";
import { expectFreeSlots } from "./support/free-slots.ts";
import { firstDifference } from "./support/output-bytes.ts";
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
/** 50 at the length of the promise. */
const RECONNECTS = Math.ceil(FAULTS / 4);
const ENDING = FAULT_KINDS.filter(({ ends }) => ends !== "not");
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
  transport: TransportName,
  name: string,
): Promise<void> {
  const road = await toxiproxy.road(server.address);
  await layPlan(plan, road);
  const [client, direct] = await Promise.all([
    connect(road.address, { transport, ...LIMITS }),
    connect(server.address, { transport, connectTimeoutMs: LIMITS.connectTimeoutMs }),
  ]);
  try {
    const [model, calm] = [await client.model("denoise"), await direct.model("denoise")];
    const run = await disturbedStream(name, model, calm, (disturbed) => strike(plan, road, disturbed));
    expect(firstDifference(run.bytes, run.undisturbed.bytes)).toBeUndefined();
    expect(run.bytes.length).toBeGreaterThan(plan.length * UPDATE_SIZE);
    const ending = plan.filter(({ kind }) => kind.ends !== "not");
    expect(run.recoveries.length).toBeGreaterThanOrEqual(ending.length);
    expect(run.watched.mostSentAgain()).toBeLessThanOrEqual(memoryUpdates(model) + IN_FLIGHT);
    const silences = run.watched.losses.filter(
      ({ error, answered }) =>
        answered > 0 && isStrainflowError(error) && error.details["reason"] === "watchdog",
    );
    const longest = Math.max(0, ...silences.map(({ unansweredMs }) => unansweredMs));
    expect(silences.length).toBeGreaterThanOrEqual(
      plan.filter(({ kind }) => kind.ends === "by silence").length,
    );
    expect(longest).toBeLessThanOrEqual(WATCHDOG_MS + 500);
    console.log(
      `${name}, ${transport}: ${plan.length} faults, ${run.watched.losses.length} streams lost, in ${run.seconds} s of data; ` +
        `at most ${run.watched.mostSentAgain()} updates sent again, of ${memoryUpdates(model) + IN_FLIGHT} allowed; ` +
        `silence noticed after ${longest.toFixed(0)} ms at most, ${silences.length} times`,
    );
  } finally {
    client.close();
    direct.close();
  }
}

describeToxiproxy("a reset on the line", () => {
  it("is one: RST for both sides, not an end in order", async () => {
    const seen: string[] = [];
    const follow = (socket: Socket, name: string): void => {
      socket.on("error", (error) => seen.push(`${name} ${"code" in error ? error.code : error.message}`));
      socket.on("end", () => seen.push(`${name} end`));
      socket.resume();
    };
    await using toxiproxy = await startToxiproxy();
    const listener = createServer((socket) => follow(socket, "server"));
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = listener.address() as AddressInfo;
      const road = await toxiproxy.road(`127.0.0.1:${port}`);
      const reset = FAULT_KINDS.filter(({ name }) => name === "reset");
      const plan = planFaults(SEED, 1, UPDATE_SIZE, reset);
      await layPlan(plan, road);
      const [host, roadPort] = road.address.split(":");
      const client = connectSocket(Number(roadPort), host);
      follow(client, "client");
      client.write("a");
      await expect.poll(() => client.readyState).toBe("open");
      for (const toxic of plan[0]!.toxics) await road.grip(toxic, 1);
      client.write("b");
      await expect.poll(() => seen.toSorted()).toEqual(["client ECONNRESET", "server ECONNRESET"]);
    } finally {
      listener.close();
    }
  });
});

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

  it.each(["frames", "grpc-js"] as const)(
    `change no byte over %s, are noticed in time, and leave every slot free (seed ${SEED})`,
    { timeout: 120_000 + FAULTS * 10_000 },
    async (transport) => {
      const plan = planFaults(`${SEED} embedded ${transport}`, Math.ceil(0.3 * FAULTS), UPDATE_SIZE);
      await expectUnchanged(server, toxiproxy, plan, transport, "embedded");
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

    it.each(["frames", "grpc-js"] as const)(
      `change no byte over %s, are noticed in time, and leave every slot free (seed ${SEED})`,
      { timeout: 120_000 + FAULTS * 10_000 },
      async (transport) => {
        const count = Math.ceil(0.1 * FAULTS);
        const plan = planFaults(`${SEED} triton ${transport}`, count, UPDATE_SIZE, ENDING);
        await expectUnchanged(server, toxiproxy, plan, transport, "triton");
        await expectFreeSlots(server.address, "denoise", SLOTS);
      },
    );

    it(`leave each of ${SLOTS} slots free after ${RECONNECTS} reconnects, where silence would take 16 h (seed ${SEED})`, {
      timeout: 120_000 + FAULTS * 10_000,
    }, async () => {
      const kinds = FAULT_KINDS.filter(({ ends }) => ends === "by word");
      const plan = planFaults(`${SEED} slots`, RECONNECTS, UPDATE_SIZE, kinds);
      await expectUnchanged(server, toxiproxy, plan, "frames", "triton");
      await expectFreeSlots(server.address, "denoise", SLOTS);
    });
  });
});
