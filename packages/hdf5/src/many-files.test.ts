import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Block, endOf, type Reader, timeSeries } from "@strainflow/series";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { createHdf5Writer } from "./create-hdf5-writer.ts";
import { openHdf5 } from "./open-hdf5.ts";

const folder = mkdtempSync(join(tmpdir(), "strainflow-hdf5-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const sampleRate = 64;
const origin = 1_100_000_000 * sampleRate;
let files = 0;

/** What H1 measured, at any time. */
const truth = (index: number): number => Math.sin(index * 0.37) * 1e-21;

async function writeFile(
  start: number,
  size: number,
  value: (index: number) => number = truth,
  rate = sampleRate,
): Promise<string> {
  const path = join(folder, `${String(files++)}.h5`);
  const writer = createHdf5Writer(path, { layout: "aframe", chunkSize: 37 });
  const data = [Float64Array.from({ length: size }, (_, i) => value(start + i))];
  await writer.write(timeSeries({ quantity: "strain", start, sampleRate: rate, channels: ["H1"], data }));
  await writer.close();
  return path;
}

async function blocksOf(reader: Reader<"strain"> | undefined): Promise<Block<"strain">[]> {
  if (reader === undefined) throw new Error("there is no such reader");
  const blocks: Block<"strain">[] = [];
  for await (const block of reader.blocks({ signal: new AbortController().signal })) blocks.push(block);
  return blocks;
}

describe("many files as one stream", () => {
  it("are put in order, cut where they overlap, with gaps where no file is", async () => {
    const stretch = fc.record({
      start: fc.integer({ min: 0, max: 2000 }),
      size: fc.integer({ min: 1, max: 700 }),
      missing: fc.integer({ min: 0, max: 900 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(stretch, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: -50, max: 2200 }),
        fc.integer({ min: 1, max: 900 }),
        fc.integer({ min: 1, max: 300 }),
        async (stretches, from, length, blockSize) => {
          // A detector is silent at the same time in every file.
          const silent = new Set(stretches.map(({ missing }) => missing));
          const value = (index: number): number => (silent.has(index - origin) ? Number.NaN : truth(index));
          const paths: string[] = [];
          for (const { start, size } of stretches) paths.push(await writeFile(origin + start, size, value));
          const there = (i: number): boolean =>
            stretches.some(({ start, size }) => i >= start && i < start + size);
          const opening = openHdf5(paths, {
            gpsStart: (origin + from) / sampleRate,
            gpsEnd: (origin + from + length) / sampleRate,
            blockLength: blockSize / sampleRate,
            isolation: "none",
          });
          const inside = Array.from({ length }, (_, i) => there(from + i));
          if (!inside.includes(true)) {
            await expect(opening).rejects.toMatchObject({ tag: "hdf5-no-data" });
            return;
          }
          const blocks = await blocksOf((await opening).readers.get("H1"));
          let due = origin + from;
          for (const block of blocks) {
            expect(block.start).toBe(due);
            due = endOf(block);
            for (let i = block.start; i < due; i++) {
              const expected =
                inside[i - origin - from] === true && !silent.has(i - origin) ? truth(i) : undefined;
              const found = block.kind === "series" ? block.data[0]![i - block.start] : undefined;
              if (found !== expected) expect({ i, found }).toEqual({ i, found: expected });
            }
          }
          expect(due).toBe(origin + from + length);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("may not contradict each other", async () => {
    const paths = [
      await writeFile(origin, 300),
      await writeFile(origin + 200, 300, (index) => (index === origin + 250 ? 0 : truth(index))),
    ];
    const { readers } = await openHdf5(paths, { isolation: "none" });
    const blocks: Block[] = [];
    const reading = (async () => {
      for await (const block of readers.get("H1")!.blocks({ signal: new AbortController().signal }))
        blocks.push(block);
    })();
    await expect(reading).rejects.toMatchObject({ tag: "hdf5-overlap", details: { start: origin + 250 } });
    expect(endOf(blocks.at(-1)!)).toBe(origin + 250);
  });

  it("may be one file named twice", async () => {
    const path = await writeFile(origin, 100);
    const { readers, files: described } = await openHdf5([path, path, path.replace(".h5", ".{h5,hdf5}")], {
      isolation: "none",
    });
    expect(described.filter((file) => file.path === path)).toHaveLength(1);
    expect(readers.get("H1")?.start).toBe(origin);
  });

  it("must have one rate", async () => {
    const paths = [await writeFile(origin, 100), await writeFile(origin * 2, 100, truth, 128)];
    await expect(openHdf5(paths, { isolation: "none" })).rejects.toMatchObject({
      tag: "hdf5-mismatch",
      message: expect.stringMatching(/64 Hz.*128 Hz/),
    });
  });
});
