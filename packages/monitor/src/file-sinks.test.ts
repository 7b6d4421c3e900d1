import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createCsvSink } from "./csv-sink.ts";
import { createJsonLinesSink } from "./json-lines-sink.ts";
import { openLineFile } from "./line-file.ts";
import type { MonitorSample } from "./monitor-sample.ts";
import { createParquetSink } from "./parquet-sink.ts";
import { type MonitorSink, runSinks } from "./sink.ts";
import { activity, away, client, served } from "./testing/samples.ts";

let folder = "";
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "strainflow-monitor-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
const path = (extension: string): string => join(folder, `${++count}.${extension}`);

async function put(sink: MonitorSink, ...samples: readonly MonitorSample[]): Promise<void> {
  for (const sample of samples) await sink.write(sample);
}

const HEADER = "timestamp,ip,model,count,queue,compute_input,compute_infer,compute_output,request";

describe("a CSV file in hermes' columns", () => {
  test("has a row for each model that ran, steps for their ensembles, in microseconds", async () => {
    const file = path("csv");
    const sink = await createCsvSink(file);
    const steps = ["a", "b"];
    await put(
      sink,
      served([
        activity("a", 2, { stepOf: ["pipe"] }),
        activity("b", 0, { stepOf: ["pipe"] }),
        activity("pipe", 2, { steps }),
      ]),
      away("triton-2"),
      client,
      served([activity('odd,"name"', 3)], { host: "triton-2" }),
    );
    await sink.close();
    expect(await readFile(file, "utf8")).toBe(
      `${HEADER}\n1763736700.123,triton-1,a,2,200,400,1000,400,2000\n` +
        '1763736700.123,triton-2,"odd,""name""",3,300,600,1500,600,3000\n',
    );
  });

  test("loses no time of a model that is counted before it ran to the end", async () => {
    const file = path("csv");
    const sink = await createCsvSink(file);
    const partial = { ...activity("a", 0), counters: { executions: 0, queueUs: 70, requestUs: 5 } };
    await put(
      sink,
      served([partial]),
      served([partial]),
      served([activity("a", 1)]),
      served([activity("a", 1)]),
    );
    await sink.close();
    const rows = (await readFile(file, "utf8")).trim().split("\n").slice(1);
    expect(rows.map((row) => row.split(",").slice(3).join())).toEqual([
      "1,240,200,500,200,1010",
      "1,100,200,500,200,1000",
    ]);
  });

  test("adds versions of a model up, and can be kept to models: an ensemble's name stands for its steps", async () => {
    const file = path("csv");
    const sink = await createCsvSink(file, { models: ["pipe", "c"] });
    await put(
      sink,
      served([
        activity("a", 2, { stepOf: ["pipe"] }),
        activity("c", 1),
        activity("c", 4, { version: "2" }),
        activity("d", 1),
        activity("pipe", 2, { steps: ["a"] }),
      ]),
    );
    await sink.close();
    const rows = (await readFile(file, "utf8")).trim().split("\n").slice(1);
    expect(rows.map((row) => row.split(",").slice(2, 4).join())).toEqual(["a,2", "c,5"]);
  });

  test("is gone on with, and not taken for one if it has other columns", async () => {
    const file = path("csv");
    for (let run = 0; run < 2; run++) {
      const sink = await createCsvSink(file);
      await put(sink, served([activity("a", 1)]));
      await sink.close();
    }
    expect((await readFile(file, "utf8")).split("\n")).toHaveLength(4);
    const other = path("csv");
    await writeFile(other, "something,else\n");
    await expect(createCsvSink(other)).rejects.toMatchObject({ tag: "output-unwritable" });
    await expect(createCsvSink(join(folder, "none", "x.csv"))).rejects.toMatchObject({
      tag: "output-unwritable",
    });
    expect(await readFile(other, "utf8")).toBe("something,else\n");
  });
});

describe("a file of lines", () => {
  test("that a crash cut anywhere is gone on with at its last whole line", async () => {
    const whole = `${HEADER}\n${"1763736700.123,triton-1,a,2,200,400,1000,400,2000\n".repeat(3)}`;
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length), async (size) => {
        const file = path("csv");
        await writeFile(file, whole.slice(0, size));
        const lines = await openLineFile(file, HEADER);
        await lines.append(["new"]);
        await lines.close();
        const kept = whole.slice(0, size).lastIndexOf("\n") + 1;
        expect(lines.cutSize).toBe(size - kept);
        expect(await readFile(file, "utf8")).toBe(
          `${kept === 0 ? `${HEADER}\n` : whole.slice(0, kept)}new\n`,
        );
      }),
      { numRuns: 40 },
    );
  });

  test("may have a last line longer than a piece that is looked through", async () => {
    const file = path("jsonl");
    await writeFile(file, `{}\n${"x".repeat(200_000)}`);
    const lines = await openLineFile(file);
    await lines.close();
    expect((await stat(file)).size).toBe(3);
  });
});

describe("a file of JSON lines", () => {
  test("says all that is known, one object per model, client and event", async () => {
    const file = path("jsonl");
    const sink = await createJsonLinesSink(file);
    await put(
      sink,
      served([
        activity("a", 2, {
          batch: 4,
          stepOf: ["pipe"],
          reset: true,
          quantiles: { us: new Map([["0.99", 7]]) },
        }),
      ]),
      away("triton-2"),
      client,
    );
    await sink.close();
    const lines = (await readFile(file, "utf8")).trim().split("\n");
    expect(lines.map((line): unknown => JSON.parse(line))).toMatchObject([
      {
        type: "model",
        timestamp: 1763736700.123,
        server: "triton-1:8002",
        model: "a",
        stepOf: ["pipe"],
        reset: true,
        inferences: 8,
        averages: { batchSize: 4, requestUs: 1000, inferencesPerSecond: 8 },
        serverQuantilesUs: { "0.99": 7 },
      },
      { type: "away", server: "triton-2", tag: "metrics-unreachable" },
      { type: "client", client: "h1", answers: 12, quantilesUs: { "0.999": 1.2e6 } },
    ]);
  });
});

describe("Parquet files", () => {
  const read = async (file: string): Promise<Record<string, unknown>[]> =>
    parquetReadObjects({ file: await asyncBufferFromFile(file) });

  test("have a row per model and interval, and of clients and absences", async () => {
    const file = path("parquet");
    const sink = await createParquetSink(file);
    await put(sink, served([activity("a", 2, { batch: 4, stepOf: ["pipe"] })]), client, away("triton-2"));
    await sink.close();
    const rows = await read(file);
    expect(rows).toMatchObject([
      {
        kind: "model",
        timestamp: 1763736700.123,
        server: "triton-1:8002",
        model: "a",
        step_of: "pipe",
        requests: 2n,
        inferences: 8n,
        compute_infer_us: 1000n,
        mean_batch: 4,
        reset: false,
        p99_us: null,
      },
      { kind: "client", model: "h1", requests: 12n, p999_us: 1.2e6, server: null },
      { kind: "away", server: "triton-2", elapsed_seconds: 3 },
    ]);
  });

  test("are whole at any time, follow each other, and never take the place of one that is there", async () => {
    const file = path("parquet");
    const stem = file.replace(/\.parquet$/, "");
    await writeFile(`${stem}-0001.parquet`, "somebody's");
    const sink = await createParquetSink(file, { flushMs: 0, rowsPerFile: 3 });
    expect(await read(file)).toEqual([]);
    const written: bigint[] = [];
    for (let i = 1; i <= 7; i++) {
      await sink.write(served([activity("a", i)]));
      written.push(BigInt(i));
      const rows = (await Promise.all(sink.paths.map((one) => read(one).catch(() => [])))).flat();
      expect(rows.map(({ requests }) => requests)).toEqual(written);
    }
    await sink.close();
    expect(sink.paths).toEqual([file, `${stem}-0002.parquet`, `${stem}-0003.parquet`]);
    expect(await readFile(`${stem}-0001.parquet`, "utf8")).toBe("somebody's");
    expect((await readdir(folder)).filter((name) => name.includes(".part"))).toEqual([]);
    expect((await createParquetSink(file)).paths).toEqual([`${stem}-0004.parquet`]);
  });

  test("that cannot be written are told at once, and nothing is left", async () => {
    await expect(createParquetSink(join(folder, "none", "x.parquet"))).rejects.toMatchObject({
      tag: "output-unwritable",
    });
    await expect(createParquetSink(path("parquet"), { rowsPerFile: 0 })).rejects.toMatchObject({
      tag: "invalid-option",
    });
  });
});

describe("sinks together", () => {
  test("are all closed when one fails, and the first failure is told", async () => {
    const closed: string[] = [];
    const sink = (name: string, fails: boolean): MonitorSink => ({
      write: () => {
        if (fails) throw new Error(`${name} is full`);
      },
      close: async () => {
        closed.push(name);
        if (fails) throw new Error(`${name} cannot be closed`);
      },
    });
    async function* samples() {
      yield client;
    }
    await expect(runSinks(samples(), [sink("a", true), sink("b", true), sink("c", false)])).rejects.toThrow(
      "a is full",
    );
    expect(closed).toEqual(["a", "b", "c"]);
  });

  test("a file whose disk is taken away ends the run", async () => {
    const own = join(folder, "taken");
    await mkdir(own);
    const sink = await createParquetSink(join(own, "x.parquet"), { flushMs: 0 });
    await rm(own, { recursive: true });
    await appendFile(own, "a file now");
    async function* samples() {
      yield client;
    }
    await expect(runSinks(samples(), [sink])).rejects.toMatchObject({ tag: "output-unwritable" });
  });
});
