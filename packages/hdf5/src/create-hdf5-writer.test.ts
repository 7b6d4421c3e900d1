import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Block, endOf, type Gap, timeSeries } from "@strainflow/series";
import fc from "fast-check";
import h5wasm from "h5wasm/node";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { createHdf5Writer } from "./create-hdf5-writer.ts";
import { inspectHdf5 } from "./inspect-hdf5.ts";
import { openHdf5 } from "./open-hdf5.ts";
import { writeSeriesHdf5 } from "./write-series-hdf5.ts";

const root = mkdtempSync(join(tmpdir(), "strainflow-hdf5-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let folder = root;
beforeEach(() => {
  folder = mkdtempSync(join(root, "case-"));
});

const sampleRate = 128;
const origin = 1_200_000_000 * sampleRate;

function series(start: number, size: number, channels: readonly string[], narrow = false): Block<"strain"> {
  const data = channels.map((_, c) => {
    const wide = Float64Array.from({ length: size }, (_, i) => Math.cos((start + i) * (c + 1)) * 1e-21);
    return narrow ? Float32Array.from(wide) : wide;
  });
  return timeSeries({ quantity: "strain", start, sampleRate, channels, data });
}

function gap(start: number, size: number, channels: readonly string[]): Gap<"strain"> {
  return { kind: "gap", quantity: "strain", start, size, sampleRate, channels, reason: "lost" };
}

/** What a stream says of each sample: its values, or nothing. */
function spread(blocks: readonly Block[]): (readonly number[] | undefined)[] {
  return blocks.flatMap((block) =>
    Array.from({ length: block.size }, (_, i) =>
      block.kind === "gap" ? undefined : block.data.map((array) => array[i]!),
    ),
  );
}

const pieces = fc.array(fc.record({ size: fc.integer({ min: 1, max: 400 }), there: fc.boolean() }), {
  minLength: 1,
  maxLength: 8,
});

function stream(
  start: number,
  cuts: readonly { size: number; there: boolean }[],
  channels: readonly string[],
  narrow = false,
) {
  let at = start;
  return cuts.map(({ size, there }) => {
    const block = there ? series(at, size, channels, narrow) : gap(at, size, channels);
    at += size;
    return block;
  });
}

describe("what is written is read back", () => {
  for (const layout of ["gwpy", "aframe"] as const)
    it(`in the ${layout} layout, both widths, any cutting`, async () => {
      await fc.assert(
        fc.asyncProperty(
          pieces,
          fc.integer({ min: 0, max: 300 }),
          fc.boolean(),
          fc.integer({ min: 1, max: 500 }),
          async (cuts, offset, narrow, chunkSize) => {
            const path = join(folder, "out.h5");
            const blocks = stream(origin + offset, cuts, ["H1", "L1"], narrow);
            const writer = createHdf5Writer(path, {
              layout,
              chunkSize,
              dtype: narrow ? "float32" : "float64",
            });
            for (const block of blocks) void writer.write(block);
            await writer.close();
            const { together } = await openHdf5(path, { isolation: "none" });
            const found: Block[] = [];
            for await (const block of together!.blocks({ signal: new AbortController().signal }))
              found.push(block);
            expect(together).toMatchObject({
              start: origin + offset,
              format: { sampleRate, channels: ["H1", "L1"] },
            });
            expect(spread(found)).toEqual(spread(blocks));
          },
        ),
        { numRuns: 15 },
      );
    });

  it("in the GWOSC layout, one file per detector, filled up to whole seconds, DATA cleared where samples are missing", async () => {
    await fc.assert(
      fc.asyncProperty(pieces, fc.integer({ min: 0, max: 300 }), async (cuts, offset) => {
        const start = origin + offset;
        const blocks = stream(start, cuts, ["H1", "L1"]);
        const end = endOf(blocks.at(-1)!);
        const writer = createHdf5Writer(join(folder, "{ifo}.hdf5"), { layout: "gwosc" });
        for (const block of blocks) await writer.write(block);
        await writer.close();
        const source = await openHdf5(join(folder, "*.hdf5"), {
          requireQuality: ["DATA"],
          isolation: "none",
        });
        const expected = spread(blocks);
        for (const [c, ifo] of ["H1", "L1"].entries()) {
          const reader = source.readers.get(ifo)!;
          expect(reader.start).toBe(Math.floor(start / sampleRate) * sampleRate);
          expect(reader.end).toBe(Math.ceil(end / sampleRate) * sampleRate);
          const complete = (second: number): boolean =>
            Array.from({ length: sampleRate }, (_, i) => expected[second * sampleRate + i - start]).every(
              (sample) => sample !== undefined,
            );
          for await (const block of reader.blocks({ signal: new AbortController().signal }))
            for (let i = 0; i < block.size; i++) {
              const index = block.start + i;
              const sample = expected[index - start]?.[c];
              if (block.kind === "series") expect(block.data[0]![i]).toBe(sample);
              else if (block.reason === "missing") expect(sample).toBeUndefined();
              else {
                expect(block.reason).toBe("not-ready");
                expect(complete(Math.floor(index / sampleRate))).toBe(false);
              }
            }
        }
      }),
      { numRuns: 10 },
    );
  });
});

describe("the writer", () => {
  it("gives the file its name only when it is complete", async () => {
    const path = join(folder, "score.h5");
    writeFileSync(path, "what was here before");
    const writer = createHdf5Writer(path, { layout: "gwpy" });
    await writer.write(series(origin, 1000, ["H1"]));
    expect(readdirSync(folder)).toHaveLength(2);
    await expect(inspectHdf5(path, { isolation: "none" })).rejects.toMatchObject({ tag: "hdf5-foreign" });
    await writer.close();
    expect(readdirSync(folder)).toEqual(["score.h5"]);
    expect((await inspectHdf5(path, { isolation: "none" })).channels[0]).toMatchObject({
      size: 1000,
      chunkSize: 1024,
    });
  });

  it("leaves nothing behind when it is aborted, fails, or was given nothing", async () => {
    const path = join(folder, "out.h5");
    const aborted = createHdf5Writer(path, { layout: "gwpy" });
    await aborted.write(series(origin, 10, ["H1"]));
    await aborted.abort();
    const broken = createHdf5Writer(path, { layout: "gwpy" });
    await broken.write(series(origin, 10, ["H1"]));
    await expect(broken.write(series(origin + 11, 10, ["H1"]))).rejects.toMatchObject({
      tag: "not-contiguous",
    });
    await expect(broken.close()).rejects.toMatchObject({ tag: "not-contiguous" });
    await expect(createHdf5Writer(path, { layout: "gwpy" }).close()).rejects.toMatchObject({
      tag: "hdf5-no-data",
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  it("says what is wrong with its options and its folder", async () => {
    expect(() => createHdf5Writer("x", { layout: "gwosc", dtype: "float32" })).toThrow(/dtype is float32/);
    expect(() => createHdf5Writer("x", { layout: "gwpy", chunkSize: 0 })).toThrow(/chunkSize is 0/);
    await expect(
      createHdf5Writer(join(folder, "both.h5"), { layout: "gwosc" }).write(series(origin, 10, ["H1", "L1"])),
    ).rejects.toMatchObject({ tag: "invalid-option", message: expect.stringContaining("{ifo}") });
    await expect(
      createHdf5Writer(join(folder, "none", "out.h5"), { layout: "gwpy" }).write(series(origin, 10, ["H1"])),
    ).rejects.toMatchObject({ tag: "hdf5-write-failed" });
  });

  it("writes a gap that is longer than any buffer", async () => {
    const path = join(folder, "long.h5");
    const writer = createHdf5Writer(path, { layout: "gwpy", dtype: "float32" });
    await writer.write(gap(origin, 1_000_000, ["H1"]));
    await writer.write(series(origin + 1_000_000, 10, ["H1"]));
    await writer.close();
    const { channels } = await inspectHdf5(path, { isolation: "none" });
    expect(channels[0]).toMatchObject({
      size: 1_000_010,
      gaps: [{ start: origin, end: origin + 1_000_000, reason: "missing" }],
    });
  });

  it("writes scores of any width with gwpy's attributes", async () => {
    const path = join(folder, "scores.h5");
    const scores = Float32Array.from({ length: 40 }, (_, i) => i / 7);
    const block = timeSeries({
      quantity: "score",
      start: 4_800_000_001,
      sampleRate: 4,
      channels: ["score"],
      data: [scores],
    });
    await writeSeriesHdf5(path, [block]);
    await h5wasm.ready;
    const file = new h5wasm.File(path, "r");
    const dataset = file.get("score");
    if (dataset === null || !("attrs" in dataset) || !("value" in dataset)) throw new Error("no dataset");
    expect(dataset.value).toEqual(scores);
    expect(
      Object.fromEntries(Object.entries(dataset.attrs).map(([name, attribute]) => [name, attribute.value])),
    ).toEqual({ x0: 1_200_000_000.25, dx: 0.25, xunit: "s", unit: "", name: "score", channel: "score" });
    file.close();
    await expect(writeSeriesHdf5(path, [block, block])).rejects.toMatchObject({ tag: "not-contiguous" });
    expect(readdirSync(folder)).toEqual(["scores.h5"]);
  });
});

const h5py = (() => {
  try {
    execFileSync("python3", ["-c", "import h5py"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

describe.skipIf(!h5py && process.env.STRAINFLOW_REQUIRE !== "all")("h5py (needs python3 with h5py)", () => {
  it("reads what was written", async () => {
    const path = join(folder, "H1.hdf5");
    const writer = createHdf5Writer(path, { layout: "gwosc" });
    await writer.write(series(origin, 300, ["H1"]));
    await writer.write(gap(origin + 300, 84, ["H1"]));
    await writer.close();
    const script = `
import h5py, json, sys
with h5py.File(sys.argv[1], "r") as f:
    s = f["strain/Strain"]
    print(json.dumps({
        "samples": [float(x) for x in s[:5]], "size": s.shape[0], "nan": int((s[:] != s[:]).sum()),
        "start": int(s.attrs["Xstart"]), "spacing": float(s.attrs["Xspacing"]), "points": int(s.attrs["Npoints"]),
        "mask": [int(x) for x in f["quality/simple/DQmask"][:]],
        "names": [n.decode() for n in f["quality/simple/DQShortnames"][:]],
        "detector": f["meta/Detector"][()].decode(), "gps": int(f["meta/GPSstart"][()]), "duration": int(f["meta/Duration"][()]),
    }))`;
    const said: unknown = JSON.parse(execFileSync("python3", ["-c", script, path], { encoding: "utf8" }));
    const block = series(origin, 300, ["H1"]);
    expect(said).toEqual({
      samples: block.kind === "series" ? [...block.data[0]!.subarray(0, 5)] : [],
      size: 384,
      nan: 84,
      start: 1_200_000_000,
      spacing: 1 / sampleRate,
      points: 384,
      mask: [1, 1, 0],
      names: ["DATA"],
      detector: "H1",
      gps: 1_200_000_000,
      duration: 3,
    });
    expect(existsSync(path)).toBe(true);
  });
});
