import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildAframeEnsemble, createRepository } from "@strainflow/repository";
import { endOf, nsToIndex, type StreamingModel } from "@strainflow/series";
import { createServer, type InferenceServer } from "@strainflow/server";
import { connect, type TritonClient } from "@strainflow/triton";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AframeOutcome, expectAsRecorded, searchRun, valuesOf } from "./support/aframe-outcome.ts";
import { readAframeRun, settings, withoutAframeRun } from "./support/aframe-run.ts";

describe.skipIf(withoutAframeRun)(
  "aframe's inference, recorded whole, and the same run here (needs ../shared/fixtures/aframe-run)",
  () => {
    let folder = "";
    let server: InferenceServer;
    let client: TritonClient;
    let overGrpc: StreamingModel;
    let inProcess: StreamingModel;
    const found = new Map<string, AframeOutcome>();

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "strainflow-aframe-run-"));
      await buildAframeEnsemble(await createRepository(folder), settings);
      server = await createServer({ repository: folder, httpPort: false, workers: 2 });
      client = await connect(server.grpcAddress);
      overGrpc = await client.model("aframe-stream");
      inProcess = { ...server.inProcess("aframe-stream"), streaming: overGrpc.streaming };
    });
    afterAll(async () => {
      client?.close();
      await server?.close();
      await rm(folder, { recursive: true, force: true });
    });

    for (const name of ["000", "006", "012"])
      it(`reproduces run ${name}: outputs, integrated series and zero-lag events`, async () => {
        const run = await readAframeRun(name);
        expect(run.shifts).toEqual([0, 0]);
        const mine = await searchRun(run, inProcess);
        found.set(name, mine);
        expectAsRecorded(mine, run, inProcess);
      });

    it("covers the segment without a hole: burn-in before the first value, half a filter after the last", async () => {
      const run = await readAframeRun("012");
      const { raw } = found.get("012") ?? (await searchRun(run, inProcess));
      const start = nsToIndex(run.startNs, run.rate);
      let at = start;
      for (const block of raw) {
        expect(block.start).toBe(at);
        at = endOf(block);
      }
      expect(at).toBe(start + run.raw.length);
      const gaps = raw.flatMap((block) => (block.kind === "gap" ? [[block.reason, block.size]] : []));
      expect(gaps.at(-1)).toEqual(["edge", 2]);
      expect(new Set(gaps.slice(0, -1).map(([reason]) => reason))).toEqual(new Set(["warm-up"]));
    });

    it("gives the same bytes over gRPC as in process", async () => {
      const run = await readAframeRun("012");
      const here = found.get("012") ?? (await searchRun(run, inProcess));
      const there = await searchRun(run, overGrpc);
      expect(valuesOf(there.raw)).toEqual(valuesOf(here.raw));
      expect(there.events).toEqual(here.events);
    });
  },
);
