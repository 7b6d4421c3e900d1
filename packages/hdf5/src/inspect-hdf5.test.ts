import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { timeSeries } from "@strainflow/series";
import { afterAll, describe, expect, it } from "vitest";
import { createHdf5Writer } from "./create-hdf5-writer.ts";
import { inspectHdf5 } from "./inspect-hdf5.ts";

const shared = process.env.STRAINFLOW_SHARED ?? fileURLToPath(new URL("../../../../shared", import.meta.url));
const gwosc = join(shared, "gwosc/L-L1_LOSC_4_V2-1126259446-32.hdf5");

const folder = mkdtempSync(join(tmpdir(), "strainflow-hdf5-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("inspecting a file", () => {
  it.skipIf(process.env.STRAINFLOW_REQUIRE !== "all" && !existsSync(gwosc))(
    "tells what a GWOSC file holds (needs ../shared/gwosc)",
    async () => {
      const { layout, channels } = await inspectHdf5(gwosc, { isolation: "none" });
      expect(layout).toBe("gwosc");
      expect(channels).toHaveLength(1);
      expect(channels[0]).toMatchObject({
        channel: "L1",
        dataset: "strain/Strain",
        sampleRate: 4096,
        start: 1126259446 * 4096,
        size: 32 * 4096,
        dtype: "float64",
        chunkSize: 2048,
        filters: ["fletcher32", "deflate"],
        gaps: [],
      });
      const seconds = Object.fromEntries(channels[0]!.quality.map(({ name, seconds }) => [name, seconds]));
      expect(seconds).toMatchObject({ DATA: 32, BURST_CAT3: 32, NO_CBC_HW_INJ: 32, NO_CW_HW_INJ: 0 });
    },
  );

  it("finds the gaps, in seconds of DATA and in samples", async () => {
    const path = join(folder, "K-K1.hdf5");
    const sampleRate = 256;
    const start = 1_300_000_000 * sampleRate;
    const writer = createHdf5Writer(path, { layout: "gwosc" });
    const data = [new Float64Array(5 * sampleRate).fill(1e-21).fill(Number.NaN, 300, 700)];
    await writer.write(timeSeries({ quantity: "strain", start, sampleRate, channels: ["K1"], data }));
    await writer.close();
    const { channels } = await inspectHdf5(path, { isolation: "none" });
    expect(channels[0]).toMatchObject({
      channel: "K1",
      quality: [{ mask: "quality", bit: 0, name: "DATA", description: "data present", seconds: 3 }],
      gaps: [{ start: start + 300, end: start + 700, reason: "missing" }],
    });
    expect((await inspectHdf5(path, { scan: false, isolation: "none" })).channels[0]).not.toHaveProperty(
      "gaps",
    );
  });
});
