import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { openHdf5 } from "@strainflow/hdf5";
import { fromReader } from "@strainflow/operators";
import { addMatchedFilter, buildMatchedFilter, createRepository } from "@strainflow/repository";
import { completeSettings, type SearchDetection, search } from "@strainflow/search";
import type { Block, StreamingModel } from "@strainflow/series";
import { sliceBlock } from "@strainflow/series";
import { createServer, type InferenceServer } from "@strainflow/server";
import type { RankedTriggersBlock } from "@strainflow/steps";
import { connect, type TritonClient } from "@strainflow/triton";
import { createTemplateBank } from "@strainflow/waveforms";
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";
import { concatMap, from, lastValueFrom, toArray } from "rxjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createBareModel } from "./support/bare-model.ts";
import { gwosc, withoutGwosc } from "./support/shared.ts";

const strainflow = join(import.meta.dirname, "../packages/cli/bin/strainflow.js");

interface Detected {
  readonly type: string;
  readonly gpsNs: string;
  readonly gpsTime: number;
  readonly statistic: number;
  readonly snr: Readonly<Record<string, number>>;
  readonly peakNs: Readonly<Record<string, string>>;
}

interface Summary {
  readonly type: string;
  readonly searchedSeconds: number;
  readonly gapSeconds: number;
  readonly segments: readonly { readonly searched: boolean; readonly reason?: string }[];
  readonly calibration: Readonly<
    Record<string, { readonly mean: number; readonly standardDeviation: number }>
  >;
}

describe.skipIf(withoutGwosc)("GW150914 in the published strain (needs ../shared/gwosc)", () => {
  let folder: string;
  let detections: Detected[];
  let summary: Summary;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "strainflow-gw150914-"));
    const { stdout } = await promisify(execFile)(process.execPath, [
      strainflow,
      "replay",
      gwosc.H1,
      gwosc.L1,
      "--json",
      "--out",
      folder,
    ]);
    const lines = stdout
      .trim()
      .split("\n")
      .map((line): Detected | Summary => JSON.parse(line));
    detections = lines.filter((line): line is Detected => line.type === "detection");
    summary = lines.at(-1) as Summary;
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("is found by `strainflow replay` with default settings, and nothing else above network SNR 8", () => {
    expect(detections).toHaveLength(1);
    expect(Math.abs(detections[0]!.gpsTime - 1126259462.43)).toBeLessThanOrEqual(0.015);
  });

  it("has SNRs within 12 % of PyCBC's, and the delay between the detectors", () => {
    const { snr, peakNs } = detections[0]!;
    expect(Math.abs(snr["H1"]! / 19.05 - 1)).toBeLessThanOrEqual(0.12);
    expect(Math.abs(snr["L1"]! / 13.49 - 1)).toBeLessThanOrEqual(0.12);
    const delayMs = Number(BigInt(peakNs["H1"]!) - BigInt(peakNs["L1"]!)) / 1e6;
    expect(Math.abs(delayMs - 7)).toBeLessThanOrEqual(1);
  });

  it("leaves at least 15 s searched, and says why the rest is not", () => {
    expect(summary.type).toBe("summary");
    expect(summary.searchedSeconds).toBeGreaterThanOrEqual(15);
    expect(summary.searchedSeconds + summary.gapSeconds).toBeCloseTo(32, 6);
    for (const { searched, reason } of summary.segments) expect(reason === undefined).toBe(searched);
  });

  it("has off-source quadratures of mean 0 and standard deviation 1 in each detector", () => {
    for (const ifo of ["H1", "L1"]) {
      const { mean, standardDeviation } = summary.calibration[ifo]!;
      expect(Math.abs(mean)).toBeLessThanOrEqual(0.05);
      expect(Math.abs(standardDeviation - 1)).toBeLessThanOrEqual(0.05);
    }
  });

  it("writes triggers and a report", async () => {
    const written = JSON.parse(await readFile(join(folder, "triggers.json"), "utf8")) as {
      detections: Detected[];
    };
    expect(written.detections.map((d) => d.gpsNs)).toEqual(detections.map((d) => d.gpsNs));
    expect(await readFile(join(folder, "report.html"), "utf8")).toContain("1126259462");
    const rows = await parquetReadObjects({
      file: await asyncBufferFromFile(join(folder, "triggers.parquet")),
    });
    expect(rows.map((row) => row["gps_ns"])).toEqual(detections.map((d) => BigInt(d.gpsNs)));
    expect(rows[0]!["snr_H1"]).toBeCloseTo(detections[0]!.snr["H1"]!, 6);
  });
});

describe.skipIf(withoutGwosc)(
  "one search, by whatever way the model is reached (needs ../shared/gwosc)",
  () => {
    const strideSize = 128;
    const batchSize = 16;
    const bank = createTemplateBank({ count: 8 });
    const channels = ["H1", "L1"];
    let folder: string;
    let server: InferenceServer;
    let client: TritonClient;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "strainflow-ways-"));
      const repository = await createRepository(folder);
      await addMatchedFilter(repository, { bank, channels, strideSize, batchSize });
      server = await createServer({ repository: folder, httpPort: false });
      client = await connect(server.grpcAddress);
    });
    afterAll(async () => {
      client.close();
      await server.close();
      await rm(folder, { recursive: true, force: true });
    });

    interface Outcome {
      readonly detections: readonly SearchDetection[];
      readonly statistic: Float32Array;
    }

    async function run(
      model: StreamingModel,
      chunk?: number,
      settings = completeSettings({}),
    ): Promise<Outcome> {
      const ranked: RankedTriggersBlock[] = [];
      const source = await openHdf5([gwosc.H1, gwosc.L1]);
      let strain = fromReader(source.readers.values());
      if (chunk !== undefined) strain = strain.pipe(concatMap((block) => from(cut(block, chunk))));
      const detections = await lastValueFrom(
        search(strain, model, bank.templates, settings, {
          ranked: (block) => ranked.push(block),
        }).pipe(toArray()),
      );
      return {
        detections,
        statistic: Float32Array.from(
          ranked.flatMap((b) => (b.kind === "gap" ? new Array<number>(b.size).fill(-1) : [...b.statistic])),
        ),
      };
    }

    const bare = (batch: number): Promise<StreamingModel> =>
      createBareModel({
        network: buildMatchedFilter({ bank, channels, strideSize, batchSize: batch }).files[
          "1/model.onnx"
        ] as Uint8Array,
        channels,
        sampleRate: 2048,
        strideSize,
        batchSize: batch,
        kernelSize: bank.templateSize + strideSize - 1,
        latency: strideSize,
      });

    function expectSame(one: Outcome, other: Outcome): void {
      expect(one.detections.map((d) => d.gpsNs)).toEqual(other.detections.map((d) => d.gpsNs));
      expect(one.statistic).toHaveLength(other.statistic.length);
      const worst = one.statistic.reduce(
        (most, x, i) => Math.max(most, Math.abs(x - other.statistic[i]!)),
        0,
      );
      expect(worst).toBeLessThanOrEqual(1e-5 * 24);
    }

    it("gives the same over gRPC, in process, and without a server, to 1e-5", async () => {
      const served = await client.model("matched-filter-stream");
      const overGrpc = await run(served);
      const inProcess = await run(server.inProcess("matched-filter-stream"));
      expect(overGrpc.detections).toHaveLength(1);
      expect(inProcess.statistic).toEqual(overGrpc.statistic);
      expectSame(await run(await bare(batchSize)), overGrpc);
      // One PSD, and all that it serves in one request: nothing is carried from one update to the next.
      const settings = completeSettings({ psdStride: 32 });
      expectSame(await run(await bare(512), undefined, settings), await run(served, undefined, settings));
    });

    it("gives the same bytes when run twice, and in any chunking", async () => {
      const model = await client.model("matched-filter-stream");
      const once = await run(model);
      for (const chunk of [undefined, 977, 4096, 100_000]) {
        const again = await run(model, chunk);
        expect(again.statistic).toEqual(once.statistic);
        expect(again.detections).toEqual(once.detections);
      }
    });
  },
);

function cut(block: Block<"strain">, size: number): Block<"strain">[] {
  const pieces: Block<"strain">[] = [];
  for (let start = block.start; start < block.start + block.size; start += size)
    pieces.push(sliceBlock(block, start, Math.min(start + size, block.start + block.size)));
  return pieces;
}
