import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { concurrencies, loadTest, loadTestSideBySide, perfAnalyzerCsv, rates } from "@strainflow/loadtest";
import { connect } from "@strainflow/triton";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { preparePerfAnalyzer } from "../.config/peers.mjs";
import { writeProtocolModels } from "./support/protocol-models.ts";
import { describeTriton, type RealTriton, startRealTriton } from "./support/real-triton.ts";

const quick = { warmupMs: 100, windowMs: 300, maxWindows: 3, windowRequests: 10 } as const;

const perf = preparePerfAnalyzer();
const withoutPerf = perf.absent !== undefined && process.env["STRAINFLOW_REQUIRE"] !== "all";

describeTriton("the load tester and a real Triton", () => {
  let folder = "";
  let real: RealTriton;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "strainflow-loadtest-"));
    await writeProtocolModels(join(folder, "models"));
    real = await startRealTriton(join(folder, "models"));
  });
  afterAll(async () => {
    await real?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it.each([
    ["gRPC", () => ({ server: real.address })],
    ["HTTP", () => ({ server: real.httpAddress })],
    ["a stream", () => ({ server: real.address, streaming: true })],
  ])("over %s counts what Triton counts, with the right answers", async (_, how) => {
    const path = join(folder, "slow.json");
    await writeFile(path, JSON.stringify({ data: [{ ms: [2] }], validation_data: [{ timeout: [0] }] }));
    await using client = await connect(real.address);
    const count = async (): Promise<bigint> =>
      (await client.statistics("slow"))[0]?.inferenceStats?.success?.count ?? 0n;
    const before = await count();
    let answers = 0;
    const target = { ...how(), model: "slow", inputs: { kind: "json", path } } as const;
    const check = (): undefined => {
      answers++;
      return undefined;
    };
    const counted = await loadTest({
      target: { ...target, check },
      loads: concurrencies({ start: 1, end: 2 }),
      ...quick,
    });
    // Triton counts a request after it has sent the answer.
    await expect.poll(async () => Number((await count()) - before), { timeout: 5000 }).toBe(answers);
    for (const { failed, wrong, server, latency } of counted.levels) {
      expect([failed, wrong]).toEqual([0, 0]);
      // It sleeps for two milliseconds.
      expect(server?.computeInferUs).toBeGreaterThan(2000);
      expect(latency?.minMs).toBeGreaterThan(2);
    }
    expect(counted.subject.server).toMatch(/ 2\.51\.0$/);
    const expected = await loadTest({ target, loads: rates({ start: 50 }, "poisson"), ...quick });
    expect(expected.levels[0]).toMatchObject({ failed: 0, wrong: 0, unanswered: 0 });
    const off = { ms: [2] };
    await writeFile(
      path,
      JSON.stringify({ data: [off, off], validation_data: [{ timeout: [0] }, { timeout: [7] }] }),
    );
    const wrong = await loadTest({ target, loads: concurrencies({ start: 1 }), ...quick });
    expect(wrong.levels[0]!.wrongs[0]).toBe("output timeout[0, 0] is 0, expected 7 (data 0/1)");
  });

  it("keeps sequences in order, over streams and single calls", async () => {
    const path = join(folder, "ones.json");
    await writeFile(path, JSON.stringify({ data: [{ x: [1] }] }));
    for (const streaming of [false, true]) {
      const result = await loadTest({
        target: {
          server: real.address,
          model: "sum",
          streaming,
          inputs: { kind: "json", path },
          sequences: { length: 5, lengthVariation: 0.4 },
          check: (outputs, { position }) => {
            const sum = Number(Object.values(outputs)[0]?.data[0]);
            return sum === position + 1 ? undefined : `the sum is ${sum} at ${position}`;
          },
        },
        loads: concurrencies({ start: 1, end: 3, step: 2 }),
        ...quick,
      });
      for (const level of result.levels) {
        expect(level).toMatchObject({ failed: 0, wrong: 0, wrongs: [] });
        expect(level.requests).toBeGreaterThan(5);
      }
    }
  });

  it("counts all responses of a decoupled model", async () => {
    const path = join(folder, "three.json");
    await writeFile(path, JSON.stringify({ data: [{ n: [3] }] }));
    const target = { server: real.address, model: "countdown", inputs: { kind: "json", path } } as const;
    const [level] = (await loadTest({ target, loads: concurrencies({ start: 2 }), ...quick })).levels;
    expect(level!.failed).toBe(0);
    expect(level!.responses / level!.requests).toBeGreaterThan(2.5);
  });

  it("puts gRPC and HTTP side by side, from two processes", async () => {
    const targets = [real.address, real.httpAddress].map((server) => ({ server, model: "sum", shapes: {} }));
    const results = await loadTestSideBySide(targets, {
      loads: rates({ start: 40, end: 80, step: 40 }),
      processes: 2,
      ...quick,
    });
    for (const { levels } of results) {
      expect(levels.map(({ failed, generator }) => [failed, generator.processes])).toEqual([
        [0, 2],
        [0, 2],
      ]);
      for (const { requests, load, seconds } of levels)
        expect(Math.abs(requests - (load.kind === "rate" ? load.rate : 0) * seconds)).toBeLessThanOrEqual(8);
    }
  });

  describe.skipIf(withoutPerf)(
    `beside perf_analyzer (needs it: ${perf.absent ?? "node .config/peers.mjs sets it up"})`,
    () => {
      it("has its columns, and figures like its own", async () => {
        const path = join(folder, "peer.json");
        const csv = join(folder, "peer.csv");
        await writeFile(path, JSON.stringify({ data: [{ ms: [5] }] }));
        const measure = ["-p", "1000", "-r", "4", "-s", "900"];
        const args = [
          "-m",
          "slow",
          "-u",
          real.address,
          "-i",
          "grpc",
          "--input-data",
          path,
          "-f",
          csv,
          ...measure,
        ];
        await promisify(execFile)(perf.program ?? "", args, {
          env: { ...process.env, LD_LIBRARY_PATH: perf.libraries },
          timeout: 40_000,
        });
        const target = { server: real.address, model: "slow", inputs: { kind: "json", path } } as const;
        const loads = concurrencies({ start: 1 });
        const ours = perfAnalyzerCsv(await loadTest({ target, loads, ...quick, windowMs: 1000 }));
        const [theirHead, theirRow = ""] = (await readFile(csv, "utf8")).trim().split("\n");
        const [ourHead = "", ourRow = ""] = ours.trim().split("\n");
        expect(ourHead).toBe(theirHead);
        const column = (row: string, name: string): number =>
          Number(row.split(",")[ourHead.split(",").indexOf(name)]);
        // The model sleeps for 5 ms: both must see it, whatever the machine does beside.
        for (const row of [theirRow, ourRow]) {
          expect(column(row, "Server Compute Infer")).toBeGreaterThan(5000);
          expect(column(row, "p50 latency")).toBeGreaterThan(5000);
          expect(column(row, "Inferences/Second")).toBeLessThan(200);
        }
      });
    },
  );
});
