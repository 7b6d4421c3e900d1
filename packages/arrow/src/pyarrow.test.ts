import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gap, readAll, START, series, write } from "./arrow-file.test-support.ts";
import { openArrow } from "./open-arrow.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "strainflow-arrow-"));
});
afterAll(() => rm(folder, { recursive: true }));

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
