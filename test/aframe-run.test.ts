import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openHdf5 } from "@strainflow/hdf5";
import { fromReader } from "@strainflow/operators";
import { buildAframeEnsemble, createRepository } from "@strainflow/repository";
import { type AframeEvent, aframeSearch } from "@strainflow/search";
import {
  type Block,
  convertIndex,
  endOf,
  nsToIndex,
  nsToSeconds,
  type StreamingModel,
} from "@strainflow/series";
import { createServer, type InferenceServer } from "@strainflow/server";
import { connect, type TritonClient } from "@strainflow/triton";
import { lastValueFrom, toArray } from "rxjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type AframeRun,
  postprocessing,
  readAframeRun,
  settings,
  withoutAframeRun,
} from "./support/aframe-run.ts";

/** The recorded float32 chain and an independent one differ by 1.5e-5 at most; their authors suggest this. */
const TOLERANCE = 1e-4;

interface Found {
  readonly raw: readonly Block<"score">[];
  readonly integrated: readonly Block<"score">[];
  readonly events: readonly AframeEvent[];
}

async function runOf(run: AframeRun, model: StreamingModel): Promise<Found> {
  const raw: Block<"score">[] = [];
  const integrated: Block<"score">[] = [];
  const source = await openHdf5(run.background);
  const events = await lastValueFrom(
    aframeSearch(fromReader(source.readers.values()), model, postprocessing, {
      raw: (block) => raw.push(block),
      integrated: (block) => integrated.push(block),
    }).pipe(toArray()),
  );
  return { raw, integrated, events };
}

/** The values of a series that has gaps at its ends only, and where they begin. */
function valuesOf(blocks: readonly Block[]): { readonly start: number; readonly values: number[] } {
  const values: number[] = [];
  let start: number | undefined;
  for (const block of blocks) {
    if (block.kind === "gap") continue;
    start ??= block.start;
    expect(block.start).toBe(start + values.length);
    values.push(...block.data[0]!);
  }
  return { start: start ?? 0, values };
}

function worst(given: readonly number[], expected: ArrayLike<number>): number {
  return given.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
}

describe.skipIf(withoutAframeRun)(
  "aframe's inference, recorded whole, and the same run here (needs ../shared/fixtures/aframe-run)",
  () => {
    let folder = "";
    let server: InferenceServer;
    let client: TritonClient;
    let overGrpc: StreamingModel;
    let inProcess: StreamingModel;
    const found = new Map<string, Found>();

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
        const mine = await runOf(run, inProcess);
        found.set(name, mine);
        // Output i comes of stride i of the segment, and stands half a filter before it.
        const first =
          nsToIndex(run.startNs, run.rate) +
          run.offset -
          convertIndex(inProcess.streaming.latency, settings.sampleRate, run.rate);

        const raw = valuesOf(mine.raw);
        expect(raw.start).toBe(first);
        expect(raw.values.length).toBe(run.raw.length - run.offset);
        const rawWorst = worst(raw.values, run.raw.subarray(run.offset));

        const integrated = valuesOf(mine.integrated);
        expect(integrated.start).toBe(first);
        expect(integrated.values.length).toBe(run.integrated.length);
        expect(integrated.values.length / run.rate).toBe(run.livetime);
        const integratedWorst = worst(integrated.values, run.integrated);

        expect(mine.events.length).toBe(run.times.length);
        const timeWorst = worst(
          mine.events.map((event) => nsToSeconds(event.gpsNs)),
          run.times,
        );
        const statisticWorst = worst(
          mine.events.map((event) => event.statistic),
          run.statistics,
        );
        expect(rawWorst).toBeLessThan(TOLERANCE);
        expect(integratedWorst).toBeLessThan(TOLERANCE);
        expect(timeWorst).toBeLessThan(5e-7);
        expect(statisticWorst).toBeLessThan(TOLERANCE);
      });

    it("covers the segment without a hole: burn-in before the first value, half a filter after the last", async () => {
      const run = await readAframeRun("012");
      const { raw } = found.get("012") ?? (await runOf(run, inProcess));
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
      const here = found.get("012") ?? (await runOf(run, inProcess));
      const there = await runOf(run, overGrpc);
      expect(valuesOf(there.raw)).toEqual(valuesOf(here.raw));
      expect(there.events).toEqual(here.events);
    });
  },
);
