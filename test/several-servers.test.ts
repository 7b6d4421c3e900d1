import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LaunchedServer, launch } from "@strainflow/launch";
import type { StreamingModel } from "@strainflow/series";
import { connect } from "@strainflow/triton";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AveragedStream, averagedStream, IN_FLIGHT, memoryUpdates } from "./support/averaged-stream.ts";
import { averaging, writeAveragingEnsemble } from "./support/averaging-ensemble.ts";
import { firstDifference } from "./support/output-bytes.ts";
import { describeTriton, type RealTriton, startRealTriton } from "./support/real-triton.ts";

const STREAMS = 3;
const SECONDS = 60;

const run = (
  model: StreamingModel,
  stream: number,
  onOutput: (samples: number) => void = () => undefined,
): Promise<AveragedStream> =>
  averagedStream(model, {
    stream: `several-${stream}`,
    hasMore: (seconds) => seconds < SECONDS,
    onOutput,
  });

describe("streams through three servers of which two die, one after the other", () => {
  let folder: string;
  const servers: LaunchedServer[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "strainflow-several-"));
    await writeAveragingEnsemble(folder);
    for (let i = 0; i < 3; i++)
      servers.push(await launch({ runtime: "embedded", repository: folder, workers: 1 }));
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.close()));
    await rm(folder, { recursive: true, force: true });
  });

  it("go on at those that are left, and give the bytes of undisturbed ones", async () => {
    const client = await connect(
      servers.map(({ address }) => address),
      { connectTimeoutMs: 3000 },
    );
    try {
      const model = await client.model("denoise");
      const streams = Array.from({ length: STREAMS }, (_, i) => i);
      const undisturbed = await Promise.all(streams.map((stream) => run(model, stream)));
      const killed = new Set<string>();
      const kill = (samples: number): void => {
        if (killed.size === 2 || samples < ((killed.size + 1) / 3) * SECONDS * averaging.sampleRate) return;
        // The client may not have heard yet that the first is dead.
        const alive = client.servers.filter(({ address }) => !killed.has(address));
        const busiest = alive.reduce((best, each) => (each.openStreams > best.openStreams ? each : best));
        const victim = servers.find(({ address }) => address === busiest.address);
        killed.add(busiest.address);
        process.kill(victim!.pid, "SIGKILL");
      };
      const disturbed = await Promise.all(streams.map((stream) => run(model, stream, kill)));
      expect(killed.size).toBe(2);
      expect(disturbed.map(({ bytes }) => bytes)).toEqual(undisturbed.map(({ bytes }) => bytes));
      const recoveries = disturbed.flatMap((each) => each.recoveries);
      expect(recoveries.length).toBeGreaterThanOrEqual(2);
      for (const { updatesSentAgain } of recoveries)
        expect(updatesSentAgain).toBeLessThanOrEqual(memoryUpdates(model) + IN_FLIGHT);
      expect(client.servers.filter(({ healthy }) => healthy)).toHaveLength(1);
    } finally {
      client.close();
    }
  });
});

describeTriton("a stream through each of two Tritons of which one is killed", () => {
  let folder: string;
  const servers: RealTriton[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "strainflow-several-"));
    // Two slots: the one that is left takes both sequences.
    await writeAveragingEnsemble(folder, averaging, { backend: "python", instances: 2 });
    servers.push(...(await Promise.all([startRealTriton(folder), startRealTriton(folder)])));
  }, 120_000);
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.close()));
    await rm(folder, { recursive: true, force: true });
  });

  it("goes on at the other, primed anew, and gives the bytes of an undisturbed one", async () => {
    const client = await connect(
      servers.map(({ address }) => address),
      { connectTimeoutMs: 3000 },
    );
    try {
      const model = await client.model("denoise");
      const undisturbed = await Promise.all([run(model, 0), run(model, 1)]);
      expect(undisturbed.flatMap(({ recoveries }) => recoveries)).toEqual([]);
      let open: readonly number[] = [];
      let victim: RealTriton | undefined;
      const kill = (samples: number): void => {
        if (victim !== undefined || samples < 0.5 * SECONDS * averaging.sampleRate) return;
        open = client.servers.map(({ openStreams }) => openStreams);
        victim = servers[0]!;
        process.kill(victim.pid, "SIGKILL");
      };
      const disturbed = await Promise.all([run(model, 0, kill), run(model, 1, kill)]);
      // Each had one of the two, and one of them was lost with its server.
      expect(open).toEqual([1, 1]);
      for (const [i, { bytes }] of disturbed.entries())
        expect(firstDifference(bytes, undisturbed[i]!.bytes)).toBeUndefined();
      const recoveries = disturbed.flatMap((each) => each.recoveries);
      expect(recoveries).toHaveLength(1);
      expect(recoveries[0]!.updatesSentAgain).toBeGreaterThan(0);
      expect(recoveries[0]!.updatesSentAgain).toBeLessThanOrEqual(memoryUpdates(model) + IN_FLIGHT);
      expect(client.servers[0]!.healthy).toBe(false);
    } finally {
      client.close();
    }
  });
});
