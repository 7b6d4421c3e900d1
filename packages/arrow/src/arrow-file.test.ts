import { existsSync } from "node:fs";
import { mkdtemp, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Block, endOf, sliceBlock, timeSeries } from "@strainflow/series";
import { tableFromIPC } from "apache-arrow";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { facts, gap, readAll, START, series, write } from "./arrow-file.test-support.ts";
import { createArrowWriter } from "./arrow-writer.ts";
import { openArrow } from "./open-arrow.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "strainflow-arrow-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** The same stream, cut at the same places: neighbours joined, as values per sample. */
function flatten(blocks: readonly Block[]): unknown[] {
  const out: { start: number; size: number; reason: string; values: number[][] }[] = [];
  for (const block of blocks) {
    const reason = block.kind === "gap" ? `${block.reason}:${block.detail}` : "values";
    const values = block.kind === "gap" ? [] : block.data.map((array) => [...array]);
    const last = out.at(-1);
    if (last !== undefined) expect(block.start).toBe(last.start + last.size);
    if (last?.reason === reason) {
      last.size += block.size;
      last.values.forEach((list, i) => {
        list.push(...values[i]!);
      });
    } else out.push({ start: block.start, size: block.size, reason, values });
  }
  return out;
}

const streamArbitrary = fc
  .array(
    fc.record({
      size: fc.oneof(fc.integer({ min: 1, max: 900 }), fc.integer({ min: 60_000, max: 90_000 })),
      kind: fc.constantFrom("values", "lost" as const, "missing" as const),
      detail: fc.option(fc.string(), { nil: undefined }),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((parts) => {
    let at = START + 5;
    return parts.map(({ size, kind, detail }) => {
      const block =
        kind === "values"
          ? series(at, Math.min(size, 900))
          : gap(at, size, kind === "lost" ? "lost" : "missing", detail);
      at = endOf(block);
      return block;
    });
  });

describe("Arrow files and streams", () => {
  test("what is written is read back, in any blocks, either format, any batch", async () => {
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(
        streamArbitrary,
        fc.constantFrom("file" as const, "stream" as const),
        fc.integer({ min: 1, max: 2000 }),
        fc.integer({ min: 1, max: 5000 }),
        async (blocks, format, batchSize, maxBlockSize) => {
          const path = join(folder, `round-${runs++}.arrow`);
          await write(path, blocks, { format, batchSize });
          const reader = await openArrow(path, { maxBlockSize });
          expect(reader.format).toEqual({ sampleRate: 4096, channels: ["H1", "L1"] });
          expect(reader.start).toBe(blocks[0]!.start);
          expect(reader.end).toBe(format === "file" ? endOf(blocks.at(-1)!) : undefined);
          const back = await readAll(reader);
          expect(flatten(back)).toEqual(flatten(blocks));
          for (const block of back)
            if (block.kind === "series") expect(block.size).toBeLessThanOrEqual(maxBlockSize);
        },
      ),
      { numRuns: 40 },
    );
  });

  test("several files are one stream in order of time, what lies between them a gap", async () => {
    const paths = ["late", "early"].map((name) => join(folder, `${name}.arrow`));
    await write(paths[0]!, [series(START + 8192, 4096)]);
    await write(paths[1]!, [series(START, 4096)]);
    const reader = await openArrow(paths);
    expect([reader.start, reader.end]).toEqual([START, START + 12_288]);
    expect((await readAll(reader)).map((b) => [b.start - START, b.size, b.kind])).toEqual([
      [0, 4096, "series"],
      [4096, 4096, "gap"],
      [8192, 4096, "series"],
    ]);
    await write(paths[0]!, [series(START + 1, 4096)]);
    await expect(readAll(await openArrow(paths))).rejects.toThrow(
      expect.objectContaining({ tag: "not-contiguous" }),
    );
  });

  test("one channel is read out of several, and an unknown one refused", async () => {
    const path = join(folder, "select.arrow");
    const block = series(START, 100);
    await write(path, [block]);
    const [only] = await readAll(await openArrow(path, { channels: ["L1"] }));
    expect(only).toEqual({
      ...block,
      channels: ["L1"],
      data: block.kind === "series" ? [block.data[1]] : [],
    });
    await expect(openArrow(path, { channels: ["V1"] })).rejects.toThrow("there is no channel V1");
    await expect(openArrow(path, { quantity: "score" })).rejects.toThrow("holds strain, not score");
  });

  test("float32 stays float32, and a change of type is refused", async () => {
    const path = join(folder, "single.arrow");
    const single = timeSeries({ ...facts, channels: ["H1"], start: START, data: [Float32Array.of(1, 2, 3)] });
    const writer = createArrowWriter(path);
    await writer.write(single);
    const double = timeSeries({ ...facts, channels: ["H1"], start: START + 3, data: [Float64Array.of(4)] });
    await expect(writer.write(double)).rejects.toThrow(expect.objectContaining({ tag: "arrow-unsupported" }));
    await writer.close();
    expect(await readAll(await openArrow(path))).toEqual([single]);
  });

  test("nothing has its final name before close, and abort leaves nothing", async () => {
    const path = join(folder, "unfinished.arrow");
    const writer = createArrowWriter<"strain">(path, { batchSize: 1 });
    await writer.write(series(START, 10));
    expect(existsSync(path)).toBe(false);
    expect((await readdir(folder)).filter((name) => name.endsWith(".part"))).toHaveLength(1);
    await writer.abort();
    expect((await readdir(folder)).filter((name) => name.includes("unfinished"))).toEqual([]);
    await expect(async () => writer.write(series(START, 1))).rejects.toThrow(
      expect.objectContaining({ tag: "arrow-closed" }),
    );
    await expect(createArrowWriter(path).close()).rejects.toThrow(
      expect.objectContaining({ tag: "arrow-empty" }),
    );
  });

  test("writes that are not waited for keep their order", async () => {
    const path = join(folder, "unawaited.arrow");
    const writer = createArrowWriter<"strain">(path, { batchSize: 1 });
    for (let i = 0; i < 50; i++) void writer.write(series(START + 10 * i, 10));
    await writer.close();
    expect(flatten(await readAll(await openArrow(path)))).toEqual(flatten([series(START, 500)]));
  });

  test("aborting ends the reader promptly", async () => {
    const path = join(folder, "abort.arrow");
    await write(
      path,
      Array.from({ length: 20 }, (_, i) => series(START + 4096 * i, 4096)),
    );
    const reader = await openArrow(path);
    const abort = new AbortController();
    let seen = 0;
    for await (const block of reader.blocks({ signal: abort.signal })) {
      seen += block.size;
      if (seen >= 3 * 4096) abort.abort();
    }
    expect(seen).toBe(3 * 4096);
  });

  test("a file that is cut short is refused at any length, with its path", async () => {
    const path = join(folder, "whole.arrow");
    const cutPath = join(folder, "cut.arrow");
    await write(path, [series(START, 200), gap(START + 200, 100), series(START + 300, 50)], {
      batchSize: 100,
    });
    const bytes = await readFile(path);
    for (let size = 0; size < bytes.length; size += 97) {
      await writeFile(cutPath, bytes.subarray(0, size));
      await expect(openArrow(cutPath), `${size} bytes`).rejects.toThrow(
        expect.objectContaining({
          tag: "arrow-malformed",
          details: expect.objectContaining({ path: cutPath }),
        }),
      );
    }
    await expect(openArrow(join(folder, "none.arrow"))).rejects.toThrow(
      expect.objectContaining({ tag: "arrow-unreadable" }),
    );
  });

  test("a batch larger than the limit is refused before it is read", async () => {
    const path = join(folder, "large.arrow");
    await write(path, [series(START, 4096)]);
    await expect(openArrow(path, { maxBytes: 4096 })).rejects.toThrow(
      expect.objectContaining({ tag: "arrow-too-large" }),
    );
    const file = await open(path, "r+");
    const { size } = await file.stat();
    await file.truncate(size - 1);
    await file.close();
    await expect(openArrow(path)).rejects.toThrow("its writer did not finish");
  });

  test("apache-arrow reads both formats", async () => {
    for (const format of ["file", "stream"] as const) {
      const path = join(folder, `oracle-${format}`);
      const block = series(START, 1000);
      await write(
        path,
        [sliceBlock(block, START, START + 300), gap(START + 300, 20), series(START + 320, 680)],
        { format, batchSize: 310 },
      );
      const table = tableFromIPC(await readFile(path));
      expect(table.numRows).toBe(3);
      const rows = [...table.getChildAt(2)!].map((list: Iterable<number | null>) => [...list]);
      expect(rows[1]).toEqual(new Array(20).fill(null));
      expect(rows.flat().length).toBe(1000);
      if (block.kind === "series") expect(rows[2]).toEqual([...block.data[1]!.subarray(320)]);
      expect([...table.getChildAt(0)!]).toEqual(
        [0, 300, 320].map((i) => 1_126_259_446_000_000_000n + BigInt(Math.round((i * 1e9) / 4096))),
      );
    }
  });
});
