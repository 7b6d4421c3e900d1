import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** `npm run test:memory` asks for 16384 s, twice what the promise is made for: chance then moves the slope half as much. */
const SECONDS = Number(process.env["STRAINFLOW_MEMORY_SECONDS"] ?? 1536);
const PROMISED = 8192;
/**
 * Bytes by which memory may grow per second of data. Over 8192 s: 1 KB. Over less, the 5 or 10 MB by which Node still finds its
 * size in the first thousands of seconds weigh more: 24 KB tells when half of the strain's 64 KB per second stays.
 */
const MOST_GROWTH = SECONDS >= PROMISED ? 1000 : 24_000;
const MOST_BYTES = 500e6;
/** Seconds of data after which everything has been in use for a while: half of a short run, a quarter of a long one. */
const WARM_UP = SECONDS >= PROMISED ? SECONDS / 4 : SECONDS / 2;

const run = promisify(execFile);
const command = join(import.meta.dirname, "../packages/cli/bin/strainflow.js");
const sampler = pathToFileURL(join(import.meta.dirname, "support/memory-samples.mjs")).href;

interface Sample {
  readonly dataSeconds: number;
  /** Resident bytes: of the command, and of the server that it has started. */
  readonly rss: number;
  readonly server: number;
}

interface Samples {
  readonly samples: readonly Sample[];
  readonly peakBytes: number;
  readonly serverPeakBytes: number;
}

describe(`strainflow replay of ${SECONDS} s of two detectors`, () => {
  let folder: string;
  let measured: Samples;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "strainflow-memory-"));
    const strain = join(folder, "strain");
    const flags = ["--duration", String(SECONDS), "--injections", "2", "--out", strain, "--quiet"];
    await run(process.execPath, [command, "generate", ...flags]);
    const samples = join(folder, "samples.json");
    await run(
      process.execPath,
      ["--import", sampler, command, "replay", join(strain, "*.hdf5"), "--out", join(folder, "out")],
      { env: { ...process.env, STRAINFLOW_MEMORY_SAMPLES: samples } },
    );
    measured = JSON.parse(await readFile(samples, "utf8")) as Samples;
    console.log(
      `command ${told(measured.samples, ({ rss }) => rss)}, at most ${megabytes(measured.peakBytes)}; ` +
        `server ${told(measured.samples, ({ server }) => server)}, at most ${megabytes(measured.serverPeakBytes)}`,
    );
  }, 900_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("runs to the end of the data", () => {
    expect(measured.samples.at(-1)?.dataSeconds).toBeGreaterThan(0.9 * SECONDS);
    expect(measured.samples.filter(({ dataSeconds }) => dataSeconds > WARM_UP).length).toBeGreaterThan(10);
    expect(existsSync(join(folder, "out", "report.html"))).toBe(true);
  });

  it("holds no more at the end than early on", () => {
    expect(slope(measured.samples, ({ rss }) => rss)).toBeLessThan(MOST_GROWTH);
  });

  it("never holds more than 500 MB", () => {
    expect(measured.peakBytes).toBeLessThan(MOST_BYTES);
  });

  it.skipIf(!existsSync("/proc/self/status"))("nor does its server (needs /proc)", () => {
    expect(measured.serverPeakBytes).toBeGreaterThan(50e6);
    expect(measured.serverPeakBytes).toBeLessThan(MOST_BYTES);
    // It has no record to keep, but larger pieces of garbage.
    expect(slope(measured.samples, ({ server }) => server)).toBeLessThan(4 * MOST_GROWTH);
  });
});

/**
 * Bytes per second of data after warm-up: the median of the slopes between any two samples (Theil and Sen). What grows steadily
 * shows in most of them; that the heap was trimmed once, or became larger once, by a few MB, does not.
 */
function slope(samples: readonly Sample[], bytesOf: (sample: Sample) => number): number {
  const late = samples.filter(({ dataSeconds }) => dataSeconds > WARM_UP);
  const slopes = late.flatMap((a, i) =>
    late.slice(i + 1).flatMap((b) => {
      const apart = b.dataSeconds - a.dataSeconds;
      return apart > 0 ? [(bytesOf(b) - bytesOf(a)) / apart] : [];
    }),
  );
  return slopes.sort((a, b) => a - b)[Math.floor(slopes.length / 2)] ?? Number.NaN;
}

function told(samples: readonly Sample[], bytesOf: (sample: Sample) => number): string {
  return `${slope(samples, bytesOf).toFixed(0)} bytes per second of data`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}
