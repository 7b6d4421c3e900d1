import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inflateSync } from "node:zlib";
import type { EventItem } from "@strainflow/series";
import fc from "fast-check";
import * as h5wasm from "h5wasm/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type EventTableOptions, openEventTable } from "./open-event-table.ts";
import { event, expected } from "./testing/written-events.ts";
import { writeEventTable } from "./write-event-table.ts";

const folder = mkdtempSync(join(tmpdir(), "strainflow-events-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeAll(async () => {
  await h5wasm.ready;
});

const none = { isolation: "none" } as const;

async function items(path: string, options: EventTableOptions = none): Promise<EventItem[]> {
  const found: EventItem[] = [];
  for await (const item of await openEventTable(path, options)) found.push(item);
  return found;
}

type Columns = Readonly<
  Record<string, readonly [Int32Array | Float32Array | Float64Array | BigInt64Array, number]>
>;

/** A file with any datasets: `[values, parts]`, parts 0 for one dimension. */
function raw(name: string, datasets: Readonly<Record<string, Columns>>): string {
  const path = join(folder, name);
  const file = new h5wasm.File(path, "w");
  for (const [group, columns] of Object.entries(datasets)) {
    file.create_group(group);
    const made = file.get(group) as h5wasm.Group;
    for (const [column, [data, parts]] of Object.entries(columns))
      made.create_dataset({
        name: column,
        data,
        shape: parts === 0 ? [data.length] : [data.length / parts, parts],
      });
  }
  file.close();
  return path;
}

/** Where the first compressed chunk of so many bytes lies: deflate streams begin with 78 5e (level 4). */
function chunkOf(file: Buffer, size: number): number {
  for (
    let at = file.indexOf("\x78\x5e", 0, "latin1");
    at >= 0;
    at = file.indexOf("\x78\x5e", at + 1, "latin1")
  )
    try {
      if (inflateSync(file.subarray(at)).length === size) return at;
    } catch {
      // Two bytes that happened to be these.
    }
  throw new Error("there is no such chunk");
}

const ints = (...values: number[]): Int32Array => Int32Array.from(values);

describe("openEventTable", () => {
  it("gives back what was written, whatever the numbers of rows", async () => {
    let turn = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 9 })), {
          minLength: 1,
          maxLength: 30,
        }),
        async (sizes) => {
          const path = join(folder, `written-${turn++}.h5`);
          const events = sizes.map(([hits, points], i) => event(i, hits, points));
          await writeEventTable(path, events);
          expect(await items(path)).toEqual(events.map(expected));
        },
      ),
      { numRuns: 25 },
    );
  });

  it("says what there is before anything is read, and reads a part", async () => {
    const path = join(folder, "part.h5");
    const events = Array.from({ length: 20 }, (_, i) => event(i, i, 2));
    await writeEventTable(path, events);
    const table = await openEventTable(path, {
      ...none,
      tables: {
        hit_table: ["integral"],
        spacepoint_table: [{ column: "hit_id", parts: ["u", "v", "y"], input: "point", datatype: "INT64" }],
      },
    });
    expect(table.size).toBe(20);
    expect(table.tables).toEqual([
      { name: "hit_table", rows: 190 },
      { name: "spacepoint_table", rows: 40 },
    ]);
    expect(table.inputs).toEqual([
      { name: "hit_table_integral", datatype: "FP32", shape: [-1] },
      { name: "point_u", datatype: "INT64", shape: [-1] },
      { name: "point_v", datatype: "INT64", shape: [-1] },
      { name: "point_y", datatype: "INT64", shape: [-1] },
    ]);
    const found: EventItem[] = [];
    for await (const item of table.events({ from: 3, to: 6 })) found.push(item);
    expect(found.map(({ id }) => id)).toEqual(["7/0/3", "7/0/4", "7/0/5"]);
    const [first] = found;
    expect(first?.kind === "event" && first.inputs["point_v"]).toEqual({
      datatype: "INT64",
      shape: [2],
      data: BigInt64Array.of(103n, 104n),
    });
  });

  const hitsOf = [{ charge: [Float32Array.of(1, 2, 3, 4, 5), 0] }, [[3, 4, 5], [], [1, 2]]] as const;
  it.each([
    ["event_id.seq_cnt", { "event_id.seq_cnt": [ints(2, 2, 0, 3), 2] }],
    ["event_id.seq", { "event_id.seq": [ints(2, 2, 0, 0, 0), 1] }],
    ["event_id", { event_id: [ints(1, 0, 9, 1, 0, 9, 1, 0, 3, 1, 0, 3, 1, 0, 3), 3] }],
  ] as const)("finds the rows of events by %s, in any order of the events", async (name, index) => {
    const [columns, values] = hitsOf;
    const path = raw(`${name}.h5`, {
      event_table: { event_id: [ints(1, 0, 3, 1, 0, 4, 1, 0, 9), 3] },
      hit_table: { ...columns, ...index },
    });
    const found = await items(path);
    expect(found.map(({ id }) => id)).toEqual(["1/0/3", "1/0/4", "1/0/9"]);
    expect(
      found.map(
        (item) => item.kind === "event" && [...(item.inputs["hit_table_charge"]!.data as Float32Array)],
      ),
    ).toEqual(values);
  });

  it.each([
    [
      "counts more rows",
      { "event_id.seq_cnt": [ints(0, 4, 1, 3), 2] },
      "hdf5-damaged",
      /more rows than the 5/,
    ],
    [
      "counts too few",
      { "event_id.seq_cnt": [ints(0, 3), 2] },
      "hdf5-damaged",
      /counts 3 rows, and the table has 5/,
    ],
    ["names no event", { "event_id.seq_cnt": [ints(0, 3, 5, 2), 2] }, "hdf5-damaged", /event 5 of 2/],
    ["counts below zero", { "event_id.seq_cnt": [ints(0, 6, 1, -1), 2] }, "hdf5-damaged", /more rows/],
    ["mixes events", { "event_id.seq": [ints(0, 1, 0, 1, 1), 1] }, "hdf5-foreign", /several places/],
    ["has an unknown id", { event_id: [ints(1, 1, 1, 2, 8), 1] }, "hdf5-damaged", /event 8 that is not/],
    ["has no index", {}, "hdf5-missing-dataset", /nothing says which rows/],
  ] as const)("refuses a table whose index %s", async (name, index, tag, message) => {
    const path = raw(`${name}.h5`, {
      event_table: { event_id: [ints(1, 2), 1] },
      hit_table: { charge: [Float32Array.of(1, 2, 3, 4, 5), 1], ...index },
    });
    await expect(items(path)).rejects.toMatchObject({ tag, message: expect.stringMatching(message) });
  });

  it("reports events that cannot be used, each with its reason, and gives the others", async () => {
    const path = raw("bad-values.h5", {
      event_table: { event_id: [ints(11, 12, 13, 14, 15), 1], label: [ints(1, 0, 1, 0, 1), 1] },
      hit_table: {
        charge: [Float64Array.of(1, 2, Number.NaN, 4, 1e300, 6), 1],
        wire: [BigInt64Array.of(1n, 2n, 3n, 2n ** 40n, 5n, 6n), 1],
        event_id: [ints(11, 12, 13, 14, 15, 99), 1],
        "event_id.seq_cnt": [ints(0, 1, 1, 1, 2, 1, 3, 1, 4, 2), 2],
      },
    });
    const tables = {
      event_table: ["label"],
      hit_table: [
        { column: "charge", datatype: "FP32" } as const,
        { column: "wire", datatype: "INT32" } as const,
      ],
    };
    const found = await items(path, { ...none, tables });
    expect(found.map(({ kind }) => kind)).toEqual([
      "event",
      "event",
      "unreadable",
      "unreadable",
      "unreadable",
    ]);
    expect(found[1]).toMatchObject({
      id: "12",
      inputs: { event_table_label: { data: ints(0) }, hit_table_wire: { data: ints(2) } },
    });
    const reasons = found.flatMap((item) => (item.kind === "unreadable" ? item.error.message : []));
    expect(reasons[0]).toMatch(/hit_table\/charge has NaN in this event/);
    expect(reasons[1]).toMatch(/hit_table\/wire has 1099511627776 in this event, which is no INT32/);
    expect(reasons[2]).toMatch(/row 5 is said to be of event 15, and says that it is of 99|1e\+300/);
    const kept = await items(path, { ...none, tables: { hit_table: ["charge"] }, nonFinite: "keep" });
    expect(kept[2]?.kind).toBe("event");
  });

  it("loses only the events in a chunk that does not decompress", async () => {
    const path = join(folder, "chunks.h5");
    const events = Array.from({ length: 12 }, (_, i) => event(i, 1500, 1));
    await writeEventTable(path, events);
    const file = readFileSync(path);
    const at = chunkOf(file, 4 * 4096);
    for (let i = 0; i < 8; i++) file[at + 6 + i]! ^= 0x5a;
    const broken = join(folder, "chunks-broken.h5");
    writeFileSync(broken, file);
    const found = await items(broken);
    const whole = await items(path);
    const lost = found.filter(({ kind }) => kind === "unreadable");
    expect(lost.length).toBeGreaterThan(0);
    expect(lost.length).toBeLessThan(5);
    for (const item of found) {
      if (item.kind === "event") expect(item).toEqual(whole[item.index]);
      else expect(item.error.message).toMatch(/rows [\d,]+ to [\d,]+ of hit_table\/\w+ cannot be read/);
    }
  });

  it("loses only the events of a chunk that the file's index leads past", async () => {
    const path = join(folder, "index.h5");
    await writeEventTable(
      path,
      Array.from({ length: 12 }, (_, i) => event(i, 1500, 1)),
    );
    const file = readFileSync(path);
    // The key of the chunk at row 4096 in a tree of version 1: size, mask of filters left out, row, column, element.
    const key = Buffer.alloc(24);
    key.writeBigUInt64LE(4096n, 0);
    const at = file.indexOf(key, file.indexOf("TREE"));
    file.writeUInt32LE(1, at - 4);
    const broken = join(folder, "index-broken.h5");
    writeFileSync(broken, file);
    const found = await items(broken);
    expect(found.map(({ kind }) => kind)).toEqual(
      Array.from({ length: 12 }, (_, i) =>
        1500 * i < 8192 && 1500 * (i + 1) > 4096 ? "unreadable" : "event",
      ),
    );
  });

  it("does not read an event that is larger than allowed", async () => {
    const path = join(folder, "large.h5");
    await writeEventTable(path, [event(0, 5, 1), event(1, 5000, 1), event(2, 5, 1)]);
    const found = await items(path, { ...none, maxEventBytes: 2000 });
    expect(found.map(({ kind }) => kind)).toEqual(["event", "unreadable", "event"]);
  });

  it.each([
    ["no such column", { tables: { hit_table: ["nothing"] } }, "hdf5-missing-dataset"],
    [
      "parts that do not fit",
      { tables: { hit_table: [{ column: "hit_id", parts: ["a", "b"] }] } },
      "hdf5-mismatch",
    ],
    [
      "a name twice",
      { tables: { hit_table: ["hit_id", { column: "integral", input: "hit_table_hit_id" }] } },
      "hdf5-mismatch",
    ],
    ["no such events", { eventTable: "events" }, "hdf5-missing-dataset"],
    ["a limit of nothing", { maxEventBytes: 0 }, "invalid-option"],
  ] as const)("refuses %s by name", async (_, options: EventTableOptions, tag) => {
    const path = join(folder, "refused.h5");
    await writeEventTable(path, [event(0, 5, 1)]);
    await expect(openEventTable(path, { ...none, ...options })).rejects.toMatchObject({ tag });
  });

  it("refuses events that differ in their columns, and leaves nothing behind", async () => {
    const path = join(folder, "uneven.h5");
    const { id, tables } = event(1, 5, 1);
    const uneven = { id, tables: { ...tables, hit_table: { hit_id: ints(1, 2) } } };
    await expect(writeEventTable(path, [event(0, 5, 1), uneven])).rejects.toMatchObject({
      tag: "invalid-option",
    });
    expect(existsSync(path)).toBe(false);
  });
});
