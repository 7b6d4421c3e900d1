import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openEventTable } from "./open-event-table.ts";
import { event } from "./testing/written-events.ts";
import { writeEventTable } from "./write-event-table.ts";

const python = process.env.STRAINFLOW_PYTHON ?? "python3";
const hasH5py = (() => {
  try {
    execFileSync(python, ["-c", "import h5py"], { stdio: "ignore" });
    return true;
  } catch {
    return process.env.STRAINFLOW_REQUIRE === "all";
  }
})();
const folder = mkdtempSync(join(tmpdir(), "strainflow-events-h5py-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const run = (script: string, ...args: string[]): string =>
  execFileSync(python, ["-c", script, ...args], { encoding: "utf8" });

describe.skipIf(!hasH5py)(
  "event tables and h5py (needs python3 with h5py; STRAINFLOW_PYTHON names another python)",
  () => {
    it("reads what h5py writes as NuGraph's files are: shuffled, checksummed, extensible, with texts beside", async () => {
      const path = join(folder, "nugraph.h5");
      const script = `
import sys, h5py, numpy as np
rng = np.random.default_rng(5)
hits, points = rng.integers(0, 300, 200), rng.integers(0, 60, 200)
ids = np.stack([np.full(200, 4983), np.arange(200) // 50, np.arange(200) + 7000], 1).astype("i4")
how = dict(compression="gzip", shuffle=True, fletcher32=True, chunks=True)
def table(f, name, rows, columns):
    g = f.create_group(name)
    for column, data in columns.items():
        g.create_dataset(column, data=data, maxshape=(None, data.shape[1]), **how)
    g.create_dataset("event_id", data=np.repeat(ids, rows, axis=0), **how)
    has = rows > 0
    g.create_dataset("event_id.seq_cnt", data=np.stack([np.arange(200)[has], rows[has]], 1).astype("i8"), **how)
    g.create_dataset("event_id.seq", data=np.repeat(np.arange(200), rows)[:, None].astype("i8"), **how)
n, m = hits.sum(), points.sum()
with h5py.File(sys.argv[1], "w") as f:
    table(f, "hit_table", hits, {
        "hit_id": np.concatenate([np.arange(k) for k in hits])[:, None].astype("i4"),
        "local_plane": rng.integers(0, 3, (n, 1)).astype("i4"),
        "local_time": rng.normal(1600, 50, (n, 1)).astype("f4"),
        "integral": rng.gamma(2, 40, (n, 1)).astype("f4")})
    table(f, "spacepoint_table", points, {
        "spacepoint_id": np.arange(m)[:, None].astype("i4"), "hit_id": rng.integers(-1, 300, (m, 3)).astype("i4")})
    g = f.create_group("particle_table")
    g.create_dataset("start_process", data=np.array([[b"primary"]] * 200))
    e = f.create_group("event_table")
    e.create_dataset("event_id", data=ids)
    e.create_dataset("is_cc", data=np.ones((200, 1), "i4"))
    for k in (0, 57, 199):
        a, b = hits[:k].sum(), points[:k].sum()
        print(ids[k].tolist(), [float(f["hit_table/integral"][a:a + hits[k]].astype("f8").sum()),
          int(f["spacepoint_table/hit_id"][b:b + points[k], 1].sum()), int(hits[k]), int(points[k])], sep=";")
`;
      const told = run(script, path).trim().split("\n");
      const table = await openEventTable(path, {
        isolation: "none",
        tables: {
          hit_table: ["hit_id", "local_plane", "local_time", "integral"],
          spacepoint_table: ["spacepoint_id", { column: "hit_id", parts: ["u", "v", "y"] }],
        },
      });
      expect(table.size).toBe(200);
      expect(table.inputs.map(({ name, datatype }) => `${name} ${datatype}`)).toEqual([
        "hit_table_hit_id INT32",
        "hit_table_local_plane INT32",
        "hit_table_local_time FP32",
        "hit_table_integral FP32",
        "spacepoint_table_spacepoint_id INT32",
        "spacepoint_table_hit_id_u INT32",
        "spacepoint_table_hit_id_v INT32",
        "spacepoint_table_hit_id_y INT32",
      ]);
      const ours: string[] = [];
      for await (const item of table) {
        if (item.kind === "unreadable") throw item.error;
        if (![0, 57, 199].includes(item.index)) continue;
        const sum = (name: string): number =>
          [...(item.inputs[name]!.data as Float32Array)].reduce((total, value) => total + value, 0);
        const sums = [sum("hit_table_integral"), sum("spacepoint_table_hit_id_v")];
        const sizes = [
          item.inputs["hit_table_hit_id"]?.shape[0],
          item.inputs["spacepoint_table_hit_id_y"]?.shape[0],
        ];
        ours.push(`${JSON.stringify(item.id.split("/").map(Number))};${JSON.stringify([...sums, ...sizes])}`);
      }
      expect(ours.map((line) => JSON.parse(line.split(";")[0]!))).toEqual(
        told.map((line) => JSON.parse(line.split(";")[0]!)),
      );
      ours.forEach((line, i) => {
        const [charge, ...rest] = JSON.parse(line.split(";")[1]!) as number[];
        const [theirs, ...theirRest] = JSON.parse(told[i]!.split(";")[1]!) as number[];
        expect(charge! / theirs!).toBeCloseTo(1, 12);
        expect(rest).toEqual(theirRest);
      });
      // Every group with numbers, and none with texts only.
      const all = await openEventTable(path, { isolation: "none" });
      expect(all.tables.map(({ name }) => name)).toEqual(["hit_table", "spacepoint_table"]);
    });

    it("writes what h5py reads, rows of every event where the counts say", async () => {
      const path = join(folder, "ours.h5");
      await writeEventTable(
        path,
        Array.from({ length: 50 }, (_, i) => event(i, (i * 13) % 40, i % 4)),
      );
      const script = `
import sys, h5py
with h5py.File(sys.argv[1]) as f:
    g, counts = f["hit_table"], f["hit_table/event_id.seq_cnt"][:]
    start = sum(c for e, c in counts if e < 30)
    count = dict(map(tuple, counts))[30]
    rows = slice(start, start + count)
    print(f["event_table/event_id"].shape, g["hit_id"].shape, f["spacepoint_table/hit_id"].shape[1],
      set(map(tuple, g["event_id"][rows])) == {tuple(f["event_table/event_id"][30])}, g["integral"][rows, 0].tolist())
`;
      const integral = event(30, 30, 2).tables["hit_table"]!["integral"] as Float32Array;
      expect(run(script, path).trim()).toBe(
        `(50, 3) (${Array.from({ length: 50 }, (_, i) => (i * 13) % 40).reduce((a, b) => a + b)}, 1) 3 True [${[
          ...integral,
        ]
          .map((value) => (Number.isInteger(value) ? `${value}.0` : value))
          .join(", ")}]`,
      );
    });
  },
);
