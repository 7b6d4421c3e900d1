import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { type Block, isStrainflowError, timeSeries } from "@strainflow/series";
import h5wasm from "h5wasm/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createHdf5Writer } from "./create-hdf5-writer.ts";
import type { FilePort } from "./file-session.ts";
import { inspectHdf5 } from "./inspect-hdf5.ts";
import { openHdf5 } from "./open-hdf5.ts";
import { createRemotePort } from "./remote-port.ts";

const shared = process.env.STRAINFLOW_SHARED ?? fileURLToPath(new URL("../../../../shared", import.meta.url));
const built = fileURLToPath(new URL("../dist/worker.js", import.meta.url));
const demanded = process.env.STRAINFLOW_REQUIRE === "all";
const skipUnbuilt = !demanded && !existsSync(built);
const gwosc = join(shared, "gwosc/H-H1_LOSC_4_V2-1126259446-32.hdf5");

const folder = mkdtempSync(join(tmpdir(), "strainflow-hdf5-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const sampleRate = 1024;
const start = 1_000_000_000 * sampleRate;
const size = 16 * sampleRate;
const chunkSize = 1024;
const good = join(folder, "H-H1_GOOD-1000000000-16.hdf5");
const signal = Float64Array.from({ length: size }, (_, i) => Math.sin(i * i * 0.1) * 1e-21);

beforeAll(async () => {
  const writer = createHdf5Writer(good, { layout: "gwosc", chunkSize });
  await writer.write(timeSeries({ quantity: "strain", start, sampleRate, channels: ["H1"], data: [signal] }));
  await writer.close();
});

/** Where the compressed chunk lies in the file that begins with these samples. */
function chunkAt(file: Buffer, chunk: number): number {
  // Deflate streams begin with 78 5e (level 4); the k-th of them in the file is the k-th chunk of strain.
  let at = -1;
  for (let i = 0; i <= chunk; i++) at = file.indexOf(Buffer.from([0x78, 0x5e]), at + 1);
  return at;
}

function damagedCopy(name: string, change: (file: Buffer) => Buffer | undefined): string {
  const file = readFileSync(good);
  const path = join(folder, name);
  writeFileSync(path, change(file) ?? file);
  return path;
}

async function blocksOf(path: string, damaged: "error" | "gap", blocks: Block[] = []): Promise<Block[]> {
  const { readers } = await openHdf5(path, { damaged, isolation: "none" });
  for await (const block of readers.get("H1")!.blocks({ signal: new AbortController().signal }))
    blocks.push(block);
  return blocks;
}

describe("a chunk that does not decompress", () => {
  const flipped = () =>
    damagedCopy("flipped.hdf5", (file) => {
      file[chunkAt(file, 5) + 3000]! ^= 4;
      file[chunkAt(file, 9) + 2000]! ^= 1;
      return undefined;
    });

  it("is an error that says from which sample, after what can be used", async () => {
    const blocks: Block[] = [];
    await expect(blocksOf(flipped(), "error", blocks)).rejects.toMatchObject({
      tag: "hdf5-damaged",
      message: expect.stringMatching(
        /flipped\.hdf5: strain\/Strain is damaged from sample 5,120 of 16,384 \(its compressed chunk 5 cannot be decompressed\)\n {2}The first 5\.0 s can be used/,
      ),
      details: { sample: 5120, dataset: "strain/Strain" },
    });
    expect(blocks.map((block) => [block.kind, block.start - start])).toEqual(
      [0, 1, 2, 3, 4].map((second) => ["series", second * sampleRate]),
    );
  });

  it("is a gap on request, and everything else is as it was", async () => {
    const blocks = await blocksOf(flipped(), "gap");
    for (const [second, block] of blocks.entries()) {
      expect(block.start).toBe(start + second * sampleRate);
      if (second === 5 || second === 9) expect(block).toMatchObject({ kind: "gap", reason: "damaged" });
      else
        expect(block.kind === "series" && block.data[0]).toEqual(
          signal.subarray(second * 1024, second * 1024 + 1024),
        );
    }
    const { channels } = await inspectHdf5(flipped(), { isolation: "none" });
    expect(channels[0]?.gaps).toMatchObject([
      { start: start + 5120, end: start + 6144, reason: "damaged" },
      { start: start + 9216, end: start + 10240, reason: "damaged" },
    ]);
  });
});

describe("other harm", () => {
  it("a chunk that the index describes wrongly, or not at all, is not read as whatever is there", async () => {
    const path = damagedCopy("lost.hdf5", (file) => {
      // The key of chunk 7 in the chunk index, after its size: no filter mask, its first sample, and 0.
      const key = Buffer.alloc(20);
      key.writeBigUInt64LE(BigInt(7 * chunkSize), 4);
      const at = file.indexOf(key, file.indexOf("TREE"));
      file.writeUInt8(1, at);
      return undefined;
    });
    const lost = join(folder, "sparse.hdf5");
    await h5wasm.ready;
    const sparse = new h5wasm.File(lost, "w");
    const dataset = sparse.create_dataset({
      name: "H1",
      data: signal.subarray(0, 5000),
      maxshape: [null],
      chunks: [1000],
    });
    dataset.resize([8500]);
    for (const [name, value] of [
      ["x0", 1e9],
      ["dx", 1 / sampleRate],
    ] as const)
      dataset.create_attribute(name, value, null, "<d");
    sparse.close();
    expect((await blocksOf(lost, "gap")).filter(({ kind }) => kind === "gap")[0]).toMatchObject({
      start: start + 5000,
      reason: "damaged",
      detail: expect.stringContaining("not in the file"),
    });
    const blocks = await blocksOf(path, "gap");
    expect(blocks[7]).toMatchObject({ kind: "gap", reason: "damaged" });
    expect(blocks.filter(({ kind }) => kind === "series")).toHaveLength(15);
    await expect(blocksOf(path, "error")).rejects.toMatchObject({
      tag: "hdf5-damaged",
      details: { sample: 7 * chunkSize },
    });
  });

  it("a file that is cut short says how much is there", async () => {
    const path = damagedCopy("short.hdf5", (file) => file.subarray(0, file.length - 1000));
    await expect(openHdf5(path, { isolation: "none" })).rejects.toMatchObject({
      tag: "hdf5-truncated",
      details: { path },
    });
    const empty = damagedCopy("empty.hdf5", () => Buffer.alloc(0));
    await expect(openHdf5(empty, { isolation: "none" })).rejects.toMatchObject({ tag: "hdf5-truncated" });
  });

  it("a file that is no HDF5, no strain, or not there, says so", async () => {
    const text = damagedCopy("text.hdf5", () => Buffer.from("strain"));
    await expect(openHdf5(text, { isolation: "none" })).rejects.toMatchObject({ tag: "hdf5-foreign" });
    for (const path of [join(folder, "none.hdf5"), join(folder, "none-*.hdf5")])
      await expect(openHdf5(path, { isolation: "none" })).rejects.toMatchObject({ tag: "file-not-found" });
  });

  it("a header that contradicts itself is not believed", async () => {
    await h5wasm.ready;
    const path = damagedCopy("contradiction.hdf5", () => undefined);
    const file = new h5wasm.File(path, "a");
    const dataset = file.get("strain/Strain");
    if (dataset === null || !("create_attribute" in dataset)) throw new Error("no dataset");
    dataset.delete_attribute("Npoints");
    dataset.create_attribute("Npoints", BigInt64Array.of(BigInt(size + 1)), [], "<q");
    file.close();
    await expect(openHdf5(path, { isolation: "none" })).rejects.toMatchObject({
      tag: "hdf5-damaged",
      message: expect.stringContaining("contradicts itself"),
    });
  });

  it("a file that changes while it is open is refused", async () => {
    const path = damagedCopy("changing.hdf5", () => undefined);
    const { readers } = await openHdf5(path, { isolation: "none" });
    writeFileSync(path, Buffer.concat([readFileSync(good), Buffer.from("more")]));
    const iterator = readers
      .get("H1")!
      .blocks({ signal: new AbortController().signal })
      [Symbol.asyncIterator]();
    await expect(iterator.next()).rejects.toMatchObject({ tag: "hdf5-changed" });
  });

  it("an infinite value is damage", async () => {
    const path = join(folder, "infinite.hdf5");
    const data = [Float64Array.from(signal).fill(Number.POSITIVE_INFINITY, 100, 102)];
    const writer = createHdf5Writer(path, { layout: "gwpy" });
    await writer.write(timeSeries({ quantity: "strain", start, sampleRate, channels: ["H1"], data }));
    await writer.close();
    expect((await blocksOf(path, "gap"))[1]).toMatchObject({ kind: "gap", reason: "damaged", size: 2 });
    await expect(blocksOf(path, "error")).rejects.toMatchObject({
      tag: "hdf5-damaged",
      details: { sample: 100 },
    });
  });

  it("links out of the file are not followed", async () => {
    await h5wasm.ready;
    const path = join(folder, "link.hdf5");
    const file = new h5wasm.File(path, "w");
    file.create_group("strain");
    const group = file.get("strain");
    if (group === null || !("create_external_link" in group)) throw new Error("no group");
    group.create_external_link(good, "strain/Strain", "Strain");
    file.close();
    await expect(openHdf5(path, { isolation: "none" })).rejects.toMatchObject({ tag: "hdf5-foreign" });
  });
});

/** A small repeatable generator, so that a failure names its flip. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

describe.skipIf(skipUnbuilt)("flipped bits (needs the build)", { timeout: 300_000 }, () => {
  const flips = Number(process.env.STRAINFLOW_FLIPS ?? (demanded ? 300 : 60));

  /** Flips one bit at a time; the file then reads as before, or fails with a tag. Counts both. */
  async function flipBits(
    source: string,
    seed: number,
    metadata: number,
  ): Promise<{ same: number; refused: number }> {
    const original = readFileSync(source);
    const path = join(folder, "fuzzed.hdf5");
    const random = generator(seed);
    const count = { same: 0, refused: 0 };
    let port: FilePort | undefined;
    const readAll = async () => {
      port ??= createRemotePort("worker", 20_000);
      const facts = await port.describe(path);
      const [channel] = facts.channels;
      if (channel === undefined) throw new Error("no channel");
      const { dataset, start, sampleRate, masks } = channel;
      const { data, bad } = await port.read({ ...facts, dataset, from: 0, count: channel.size });
      await port.release();
      return {
        start,
        sampleRate,
        masks,
        data,
        bad: [...bad, ...channel.bad],
      };
    };
    writeFileSync(path, original);
    const expected = await readAll();
    for (let i = 0; i < flips; i++) {
      // Half of the flips go where the structure is, which a flip anywhere would seldom meet.
      const at = random(i % 2 === 0 ? metadata : original.length);
      const bit = random(8);
      const flipped = Buffer.from(original);
      flipped[at]! ^= 1 << bit;
      writeFileSync(path, flipped);
      try {
        const found = await readAll();
        if (found.bad.length === 0) count.same++;
        else count.refused++;
        // Whatever is not said to be bad is what it was.
        // A name has no checksum, so that a mask may be gone; but not another.
        for (const mask of found.masks)
          expect(mask.values, `bit ${bit} of byte ${at}`).toEqual(
            expected.masks.find(({ dataset }) => dataset === mask.dataset)?.values,
          );
        const data = expected.data.slice();
        for (const { from, to } of found.bad)
          for (const array of [data, found.data]) array.fill(Number.NaN, from, to);
        expect(
          isDeepStrictEqual(found, { ...expected, data, bad: found.bad, masks: found.masks }),
          `bit ${bit} of byte ${at}`,
        ).toBe(true);
      } catch (error) {
        if (!isStrainflowError(error)) throw error;
        count.refused++;
      }
      if (count.refused % 50 === 49 || count.refused === flips) {
        await port?.dispose();
        port = undefined;
      }
    }
    await port?.dispose();
    return count;
  }

  it("never give a wrong number where gzip's checksum lets one know", async () => {
    const { same, refused } = await flipBits(good, 1, 12_000);
    expect(same + refused).toBe(flips);
    expect(refused).toBeGreaterThan(flips / 3);
  });

  it.skipIf(!demanded && !existsSync(gwosc))(
    "never give a wrong number in a GWOSC file (needs ../shared/gwosc)",
    async () => {
      const { same, refused } = await flipBits(gwosc, 2, 12_000);
      expect(same + refused).toBe(flips);
      expect(refused).toBeGreaterThan(flips / 3);
    },
  );
});
