import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Block, endOf, type Reader, timeSeries } from "@strainflow/series";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createHdf5Writer } from "./create-hdf5-writer.ts";
import { borrowInstance, returnInstance } from "./instance.ts";
import { openHdf5 } from "./open-hdf5.ts";

const shared = process.env.STRAINFLOW_SHARED ?? fileURLToPath(new URL("../../../../shared", import.meta.url));
const built = fileURLToPath(new URL("../dist/worker.js", import.meta.url));
const demanded = process.env.STRAINFLOW_REQUIRE === "all";
const skipGwosc = !demanded && !existsSync(join(shared, "gwosc"));
const skipFixtures = !demanded && !existsSync(join(shared, "fixtures"));
const skipUnbuilt = !demanded && !existsSync(built);

async function blocksOf(reader: Reader<"strain"> | undefined): Promise<Block<"strain">[]> {
  const blocks: Block<"strain">[] = [];
  if (reader === undefined) throw new Error("there is no such reader");
  for await (const block of reader.blocks({ signal: new AbortController().signal })) blocks.push(block);
  return blocks;
}

/** All samples of one channel, gaps as NaN. */
function samplesOf(blocks: readonly Block[], channel = 0): Float64Array {
  const size = blocks.reduce((sum, block) => sum + block.size, 0);
  const all = new Float64Array(size).fill(Number.NaN);
  for (const block of blocks)
    if (block.kind === "series") all.set(block.data[channel]!, block.start - blocks[0]!.start);
  return all;
}

/** Bit for bit; `toEqual` takes seconds for arrays of this size. */
function same(a: Float64Array, b: Float64Array): boolean {
  return Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(
    Buffer.from(b.buffer, b.byteOffset, b.byteLength),
  );
}

describe.skipIf(skipGwosc)("GWOSC's files of GW150914 (needs ../shared/gwosc)", () => {
  const folder = join(shared, "gwosc");

  it.skipIf(skipUnbuilt)(
    "gives both detectors' samples, from a thread of its own (needs the build)",
    async () => {
      const source = await openHdf5(join(folder, "*_V2-*.hdf5"));
      expect([...source.readers.keys()]).toEqual(["H1", "L1"]);
      expect(source.together).toBeUndefined();
      for (const [ifo, first] of [
        ["H1", [2.177040281449375e-19, 2.087638998830647e-19]],
        ["L1", [-1.0428999418774637e-18]],
      ] as const) {
        const reader = source.readers.get(ifo);
        expect(reader).toMatchObject({
          start: 1126259446 * 4096,
          end: 1126259478 * 4096,
          format: { sampleRate: 4096, channels: [ifo] },
        });
        const blocks = await blocksOf(reader);
        expect(blocks).toHaveLength(32);
        expect(blocks.every((block) => block.kind === "series" && block.size === 4096)).toBe(true);
        expect([...samplesOf(blocks).subarray(0, first.length)]).toEqual([...first]);
      }
      expect(source.files[0]?.channels[0]?.masks[0]).toMatchObject({
        kind: "quality",
        values: new Uint32Array(32).fill(127),
      });
    },
  );

  it.skipIf(skipUnbuilt)("gives the same from a process of its own (needs the build)", async () => {
    const [path] = readdirSync(folder).filter((name) => name.startsWith("H-"));
    const [near, far] = await Promise.all(
      (["none", "process"] as const).map((isolation) => openHdf5(join(folder, path!), { isolation })),
    );
    const [one, other] = [await blocksOf(far!.readers.get("H1")), await blocksOf(near!.readers.get("H1"))];
    expect(same(samplesOf(one), samplesOf(other))).toBe(true);
  });

  it("reads a GPS range, and what lies outside of the file is missing", async () => {
    const source = await openHdf5(join(folder, "H-*.hdf5"), {
      gpsStart: 1126259470.5,
      gpsEnd: 1126259480,
      isolation: "none",
    });
    const blocks = await blocksOf(source.readers.get("H1"));
    expect(blocks[0]).toMatchObject({ kind: "series", start: 1126259470.5 * 4096, size: 2048 });
    expect(blocks.at(-1)).toMatchObject({
      kind: "gap",
      reason: "missing",
      start: 1126259478 * 4096,
      size: 2 * 4096,
    });
    await expect(
      openHdf5(join(folder, "H-*.hdf5"), { gpsStart: 1, gpsEnd: 2, isolation: "none" }),
    ).rejects.toMatchObject({ tag: "hdf5-no-data" });
  });

  it("knows the data-quality bits by name and number, and refuses others", async () => {
    const path = join(folder, "L-*.hdf5");
    const source = await openHdf5(path, { requireQuality: ["DATA", 6, "NO_CBC_HW_INJ"], isolation: "none" });
    expect((await blocksOf(source.readers.get("L1"))).every(({ kind }) => kind === "series")).toBe(true);
    const spare = await openHdf5(path, { requireQuality: [7], isolation: "none" });
    expect(await blocksOf(spare.readers.get("L1"))).toMatchObject(
      Array.from({ length: 32 }, () => ({ kind: "gap", reason: "not-ready", detail: "L1 bit 7 not set" })),
    );
    // Continuous waves were injected into L1 at that time.
    const calm = await openHdf5(path, { requireQuality: ["NO_CW_HW_INJ"], isolation: "none" });
    expect((await blocksOf(calm.readers.get("L1"))).every(({ kind }) => kind === "gap")).toBe(true);
    await expect(openHdf5(path, { requireQuality: ["GOOD"], isolation: "none" })).rejects.toMatchObject({
      tag: "invalid-option",
      message: expect.stringContaining("CBC_CAT1"),
    });
  });
});

describe.skipIf(skipFixtures)("aframe's background files (needs ../shared/fixtures)", () => {
  it("reads three files as one stream, each detector alone or both together", async () => {
    const source = await openHdf5(join(shared, "fixtures/aframe-run/background-*.hdf5"), {
      isolation: "none",
    });
    expect(source.files.map(({ layout }) => layout)).toEqual(["aframe", "aframe", "aframe"]);
    const blocks = await blocksOf(source.together);
    const gaps = blocks.filter(({ kind }) => kind === "gap");
    expect(gaps.map(({ start, size }) => [start / 512, size / 512])).toEqual([
      [1264316613, 287],
      [1264317366, 234],
    ]);
    expect(blocks[0]).toMatchObject({
      channels: ["H1", "L1"],
      data: [expect.any(Float32Array), expect.any(Float32Array)],
    });
    const h1 = await blocksOf(source.readers.get("H1"));
    expect(same(samplesOf(blocks, 0), samplesOf(h1))).toBe(true);
    expect(same(samplesOf(blocks, 1), samplesOf(h1))).toBe(false);
  });

  it("refuses HDF5 that is no strain", async () => {
    await expect(
      openHdf5(join(shared, "fixtures/aframe-run/0lag.hdf5"), { isolation: "none" }),
    ).rejects.toMatchObject({
      tag: "hdf5-foreign",
    });
  });
});

describe("one long file", () => {
  const folder = mkdtempSync(join(tmpdir(), "strainflow-hdf5-"));
  const path = join(folder, "long.h5");
  const sampleRate = 4096;
  const start = 1_000_000_000 * sampleRate + 1234;
  // Longer than three reads, in chunks that no block border meets.
  const signal = Float64Array.from({ length: 420_001 }, (_, i) => Math.sin(i * i) * 1e-21);
  const nothing = [
    [0, 3],
    [130_000, 140_000],
    [262_143, 262_144],
    [419_999, 420_001],
  ] as const;
  for (const [from, to] of nothing) signal.fill(Number.NaN, from, to);

  beforeAll(async () => {
    const writer = createHdf5Writer(path, { layout: "gwpy", chunkSize: 5003 });
    await writer.write(
      timeSeries({ quantity: "strain", start, sampleRate, channels: ["H1"], data: [signal] }),
    );
    await writer.close();
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("gives the same samples whatever the blocks", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 700, max: 100_000 }),
        fc.integer({ min: 0, max: 200_000 }),
        async (blockSize, skip) => {
          const source = await openHdf5(path, {
            blockLength: blockSize / sampleRate,
            gpsStart: (start + skip) / sampleRate,
            isolation: "none",
          });
          const blocks = await blocksOf(source.readers.get("H1"));
          expect(blocks[0]?.start).toBe(start + skip);
          expect(same(samplesOf(blocks), signal.subarray(skip))).toBe(true);
          const wrong = blocks.filter((block, i) => {
            const next = blocks[i + 1];
            // A block ends on the grid, or where a gap begins or ends, and has no border inside.
            const cut = next?.kind === block.kind && endOf(block) % blockSize !== 0;
            const long = Math.floor(block.start / blockSize) !== Math.floor((endOf(block) - 1) / blockSize);
            return cut || long || (next !== undefined && next.start !== endOf(block));
          });
          expect(wrong).toEqual([]);
          expect(blocks.every((block) => block.kind === "series" || block.reason === "missing")).toBe(true);
        },
      ),
      { numRuns: 12 },
    );
  });

  it("hands out arrays that later reads leave alone", async () => {
    const { readers } = await openHdf5(path, { blockLength: 16, isolation: "none" });
    const seen: { block: Block; copy: number[] }[] = [];
    for await (const block of readers.get("H1")!.blocks({ signal: new AbortController().signal }))
      if (block.kind === "series") seen.push({ block, copy: [...block.data[0]!.subarray(0, 50)] });
    for (const { block, copy } of seen)
      if (block.kind === "series") expect([...block.data[0]!.subarray(0, 50)]).toEqual(copy);
  });

  it("takes no more of the engine's memory for a whole file than for its beginning", async () => {
    const { readers } = await openHdf5(path, { isolation: "none" });
    const instance = await borrowInstance();
    const before = instance.h5.Module.HEAPU8.length;
    returnInstance(instance);
    await blocksOf(readers.get("H1"));
    await blocksOf(readers.get("H1"));
    const after = await borrowInstance();
    returnInstance(after);
    expect(after).toBe(instance);
    expect(after.h5.Module.HEAPU8.length).toBe(before);
  });

  it("can be told that a missing value is an error", async () => {
    const { readers } = await openHdf5(path, { missing: "error", isolation: "none" });
    await expect(blocksOf(readers.get("H1"))).rejects.toMatchObject({
      tag: "hdf5-no-data",
      details: { sample: 0 },
    });
  });

  it("closes the file when its reader stops early", async () => {
    const { readers } = await openHdf5(path, { isolation: "none" });
    for await (const _ of readers.get("H1")!.blocks({ signal: new AbortController().signal })) break;
    expect(openFiles()).not.toContain(path);
  });

  it.skipIf(skipUnbuilt)("ends at once when it is aborted, files closed (needs the build)", async () => {
    const { readers } = await openHdf5(path);
    const abort = new AbortController();
    const iterator = readers.get("H1")!.blocks({ signal: abort.signal })[Symbol.asyncIterator]();
    expect((await iterator.next()).done).toBe(false);
    const pending = iterator.next();
    abort.abort();
    await pending;
    expect((await iterator.next()).done).toBe(true);
    expect(openFiles()).not.toContain(path);
    expect(
      (await readers.get("H1")!.blocks({ signal: abort.signal })[Symbol.asyncIterator]().next()).done,
    ).toBe(true);
  });

  it("names the channels there are when another is asked for", async () => {
    await expect(openHdf5(path, { channels: ["V1"], isolation: "none" })).rejects.toMatchObject({
      tag: "hdf5-missing-dataset",
      message: expect.stringContaining("H1"),
    });
  });

  it("refuses a block that is no whole number of samples", async () => {
    await expect(openHdf5(path, { blockLength: 0.1, isolation: "none" })).rejects.toMatchObject({
      tag: "invalid-option",
    });
  });
});

/** Paths of the files that this process has open, where the system tells. */
function openFiles(): string[] {
  const links = "/proc/self/fd";
  if (!existsSync(links)) return [];
  return readdirSync(links).flatMap((name) => {
    try {
      return readlinkSync(join(links, name));
    } catch {
      return [];
    }
  });
}
