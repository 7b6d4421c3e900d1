import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import h5wasm from "h5wasm/node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeTriton, startRealTriton, withoutTriton } from "./support/real-triton.ts";
import { gwosc, withoutGwosc } from "./support/shared.ts";

const strainflow = join(import.meta.dirname, "../packages/cli/bin/strainflow.js");

interface Detection {
  readonly gpsNs: string;
  readonly statistic: number;
  readonly snr: Readonly<Record<string, number>>;
  readonly template: number;
}

interface Run {
  readonly detections: readonly Detection[];
  /** Detectors and network, one value per stride; NaN where nothing was searched. */
  readonly series: Readonly<Record<string, Float32Array>>;
}

describeTriton("GW150914 through a real Triton", () => {
  let folder = "";
  const run = promisify(execFile);
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "strainflow-real-gw150914-"));
    await h5wasm.ready;
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function replay(name: string, ...flags: string[]): Promise<Run> {
    const out = join(folder, name);
    const { stdout } = await run(process.execPath, [
      strainflow,
      "replay",
      gwosc.H1,
      gwosc.L1,
      ...flags,
      "--json",
      "--out",
      out,
    ]);
    const detections = stdout
      .trim()
      .split("\n")
      .map((line): Detection & { readonly type: string } => JSON.parse(line))
      .filter(({ type }) => type === "detection");
    const file = new h5wasm.File(join(out, "snr.hdf5"), "r");
    const series = Object.fromEntries(
      ["H1", "L1", "network"].map((channel) => {
        const found = file.get(channel);
        if (!(found instanceof h5wasm.Dataset) || !(found.value instanceof Float32Array))
          throw new TypeError(`snr.hdf5 has no series ${channel}`);
        return [channel, found.value];
      }),
    );
    file.close();
    return { detections, series };
  }

  it.skipIf(withoutTriton || withoutGwosc)(
    "is found with the detector that `strainflow model build --backend python` writes, to 1e-5 as by the embedded server (needs ../shared/gwosc)",
    async () => {
      const models = join(folder, "models");
      await run(process.execPath, [strainflow, "model", "build", "--backend", "python", "-o", models]);
      await using server = await startRealTriton(models);
      const [real, embedded] = [
        await replay("real", "--server", `grpc://${server.address}`),
        await replay("embedded"),
      ];
      expect(embedded.detections).toHaveLength(1);
      expect(real.detections).toHaveLength(1);
      const [found, expected] = [real.detections[0]!, embedded.detections[0]!];
      expect(found.gpsNs).toBe(expected.gpsNs);
      expect(found.template).toBe(expected.template);
      expect(Math.abs(found.statistic / expected.statistic - 1)).toBeLessThanOrEqual(1e-5);
      for (const [channel, values] of Object.entries(embedded.series)) {
        const others = real.series[channel]!;
        expect(others).toHaveLength(values.length);
        const searched = values.filter(Number.isFinite);
        expect(searched.length).toBeGreaterThan(300);
        const largest = searched.reduce((most, value) => Math.max(most, value), 0);
        values.forEach((value, i) => {
          expect(Number.isFinite(others[i])).toBe(Number.isFinite(value));
          if (Number.isFinite(value))
            expect(Math.abs(others[i]! - value)).toBeLessThanOrEqual(1e-5 * largest);
        });
      }
    },
    120_000,
  );
});
