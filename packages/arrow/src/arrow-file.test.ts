import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Block, endOf, type Reader, sliceBlock, timeSeries } from "@strainflow/series";
import { tableFromIPC } from "apache-arrow";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createArrowWriter } from "./arrow-writer.ts";
import { openArrow } from "./open-arrow.ts";

const START = 1_126_259_446 * 4096;
const facts = { quantity: "strain" as const, sampleRate: 4096, channels: ["H1", "L1"] };

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "strainflow-arrow-"));
});
afterAll(() => rm(folder, { recursive: true }));

function series(start: number, size: number): Block<"strain"> {
  const noise = (seed: number) =>
    Float64Array.from({ length: size }, (_, i) => Math.sin((start + i) * seed) * 1e-21);
  return timeSeries({ ...facts, start, data: [noise(0.37), noise(0.73)] });
}

function gap(
  start: number,
  size: number,
  reason: "lost" | "missing" = "missing",
  detail?: string,
): Block<"strain"> {
  return { kind: "gap", ...facts, start, size, reason, ...(detail === undefined ? {} : { detail }) };
}

async function write(path: string, blocks: Iterable<Block<"strain">>, options = {}): Promise<void> {
  const writer = createArrowWriter<"strain">(path, options);
  for (const block of blocks) await writer.write(block);
  await writer.close();
}

async function readAll<Q extends string>(reader: Reader<Q>): Promise<Block<Q>[]> {
  const blocks: Block<Q>[] = [];
  for await (const block of reader.blocks({ signal: new AbortController().signal })) blocks.push(block);
  return blocks;
}

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

const python = process.env.STRAINFLOW_PYTHON ?? "python3";
const hasPyarrow = (() => {
  try {
    execFileSync(python, ["-c", "import pyarrow"], { stdio: "ignore" });
    return true;
  } catch {
    return process.env.STRAINFLOW_REQUIRE === "all";
  }
})();

describe.skipIf(!hasPyarrow)(
  "Arrow files and pyarrow (needs python3 with pyarrow; STRAINFLOW_PYTHON names another python)",
  () => {
    const run = (script: string, ...args: string[]): string =>
      execFileSync(python, ["-c", script, ...args], { encoding: "utf8" });

    test("pyarrow reads both formats, with rates, nulls and reasons", async () => {
      const path = join(folder, "to-python.arrow");
      const stream = join(folder, "to-python.arrows");
      const blocks = [series(START, 100), gap(START + 100, 7, "lost", "message 3"), series(START + 107, 20)];
      for (const target of [path, stream]) await write(target, blocks);
      const script = `
import json, sys, pyarrow as pa
for p, o in ((sys.argv[1], pa.ipc.open_file), (sys.argv[2], pa.ipc.open_stream)):
    r = o(p)
    t = r.read_all()
    t.validate(full=True)
    r = o(p)
    m = r.get_batch_with_custom_metadata(0) if o is pa.ipc.open_file else r.read_next_batch_with_custom_metadata()
    print(json.dumps([str(t.schema.field(0).type), str(t.schema.field(1).type), t.schema.field(2).metadata[b"rate"].decode(),
      t["time"].to_pylist(), t["L1"].to_pylist(), json.loads(m.custom_metadata[b"strainflow.nulls"])]))
`;
      const values = blocks.map((b) =>
        b.kind === "series" ? [...b.data[1]!] : new Array(b.size).fill(null),
      );
      const times = blocks.map((b) => 1_126_259_446e9 + Math.round(((b.start - START) * 1e9) / 4096));
      const notes = [[START + 100, 7, "lost", "message 3"]];
      for (const line of run(script, path, stream).trim().split("\n"))
        expect(JSON.parse(line)).toEqual(["int64", "list<item: double>", "4096", times, values, notes]);
    });

    test("what pyarrow writes is read: many rows, nulls in one channel, null rows, slices, other columns", async () => {
      const path = join(folder, "from-python.arrow");
      run(
        `
import sys, pyarrow as pa
f = lambda n, t: pa.field(n, pa.list_(t), metadata={"rate": "16"})
s = pa.schema([f("DQ", pa.uint32()), f("H1", pa.float64()), pa.field("time", pa.int64()), f("L1", pa.float32())])
def batch(t, h, l): return pa.record_batch([[[1]] * len(t), h, t, l], schema=s)
b = batch([0, 10**9, 2 * 10**9, 3 * 10**9 + 125 * 10**6],
          [[9.0] * 16, [1.0, None] + [2.0] * 14, None, [5.0] * 4],
          [[9.0] * 16, [3.0] * 15 + [None], [4.0] * 16, [6.0] * 4])
with pa.OSFile(sys.argv[1], "wb") as o, pa.ipc.new_file(o, s) as w: w.write_batch(b.slice(1)); w.write_batch(b.slice(0, 0))
`,
        path,
      );
      const reader = await openArrow(path, { channels: ["L1", "H1"] });
      expect([reader.start, reader.end]).toEqual([16, 54]);
      const blocks = await readAll(reader);
      expect(
        blocks.map((b) => [b.start, b.size, b.kind === "gap" ? b.reason : b.data.map((d) => d[0])]),
      ).toEqual([
        [16, 1, [3, 1]],
        [17, 1, "missing"],
        [18, 13, [3, 2]],
        [31, 1, "missing"],
        [32, 16, "missing"],
        [48, 2, "missing"],
        [50, 4, [6, 5]],
      ]);
      await expect(openArrow(path)).rejects.toThrow("channel DQ holds integers");
    });

    test("what is not read is refused by name: compression, dictionaries, other types, other rates", async () => {
      const path = join(folder, "unsupported.arrow");
      const write = (schema: string, column: string, options = "None"): string =>
        run(
          `
import sys, pyarrow as pa
s = pa.schema([pa.field("time", pa.int64()), ${schema}])
with pa.OSFile(sys.argv[1], "wb") as o, pa.ipc.new_file(o, s, options=${options}) as w: w.write_batch(pa.record_batch([[0], ${column}], schema=s))
`,
          path,
        );
      const cases: [string, string, string, string][] = [
        [
          `pa.field("H1", pa.list_(pa.float64()), metadata={"rate": "16"})`,
          "[[1.0] * 99]",
          'pa.ipc.IpcWriteOptions(compression="zstd")',
          "compressed",
        ],
        [`pa.field("H1", pa.dictionary(pa.int8(), pa.utf8()))`, '["a"]', "None", "dictionary"],
        [`pa.field("H1", pa.utf8())`, '["a"]', "None", "is utf8"],
        [`pa.field("H1", pa.list_(pa.float16()), metadata={"rate": "16"})`, "[[]]", "None", "list of float"],
        [`pa.field("H1", pa.list_(pa.float64()), metadata={"rate": "0.5"})`, "[[1.0]]", "None", "0.5 Hz"],
      ];
      for (const [schema, column, options, message] of cases) {
        write(schema, column, options);
        await expect(openArrow(path)).rejects.toThrow(message);
        await expect(openArrow(path)).rejects.toThrow(expect.objectContaining({ tag: "arrow-unsupported" }));
      }
    });
  },
);
