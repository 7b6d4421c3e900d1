import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { GRPCInferenceService } from "@strainflow/proto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { preparePerfAnalyzer } from "../.config/peers.mjs";
import { type Running, startSubject } from "./conformance/subjects.ts";
import { RawGrpc } from "./conformance/wire/raw-grpc.ts";

const perf = preparePerfAnalyzer();
const without = perf.absent !== undefined && process.env["STRAINFLOW_REQUIRE"] !== "all";

interface Steps {
  readonly data: readonly unknown[];
  readonly validation_data: readonly unknown[];
}

const values = (seed: number): number[] =>
  Array.from({ length: 16 }, (_, i) => (seed * 7919 + i * 104_729) % 65_537);

/** Sums and differences; perf_analyzer compares what comes back with them. */
const SIMPLE: Steps = {
  data: [1, 2, 3].map((seed) => ({ INPUT0: values(seed), INPUT1: values(seed + 9) })),
  validation_data: [1, 2, 3].map((seed) => ({
    OUTPUT0: values(seed).map((a, i) => a + (values(seed + 9)[i] ?? 0)),
    OUTPUT1: values(seed).map((a, i) => a - (values(seed + 9)[i] ?? 0)),
  })),
};

/**
 * With callbacks it compares an answer with what it sends next: there is one pair of inputs only. And it fills the list
 * of what it expects anew while a callback reads it ("Output size doesn't match", once in fifteen runs at four in flight,
 * on a real Triton as well): one request at a time.
 */
const ONE: Steps = { data: SIMPLE.data.slice(0, 1), validation_data: SIMPLE.validation_data.slice(0, 1) };

/**
 * A sequence's sums so far. Here too it compares an answer with a later step's, so that all steps are to give the same:
 * 1.5 if START forgets, and what comes behind it does not. Whole numbers it does not take for FP32.
 */
const SEQUENCE: Steps = {
  data: [[1.5, 1e-9, 1e-9, 1e-9].map((x) => ({ x: [x] }))],
  validation_data: [[1.5, 1.5, 1.5, 1.5].map((total) => ({ total: [total] }))],
};

const WAYS = {
  "gRPC, each call waited for": ["simple", SIMPLE, "-i", "grpc", "--concurrency-range", "3"],
  "gRPC, with callbacks": ["simple", ONE, "-i", "grpc", "-a", "--concurrency-range", "1"],
  "gRPC, compressed": ["simple", SIMPLE, "-i", "grpc", "--grpc-compression-algorithm", "gzip"],
  "gRPC, a stream of a sequence": ["sum", SEQUENCE, "-i", "grpc", "--streaming", "--concurrency-range", "2"],
  "gRPC, at a rate": [
    "simple",
    SIMPLE,
    "-i",
    "grpc",
    "--request-rate-range",
    "200",
    "--request-distribution",
    "poisson",
  ],
  "HTTP, binary": ["simple", SIMPLE, "-i", "http", "--concurrency-range", "3"],
  "HTTP, with callbacks": ["simple", ONE, "-i", "http", "-a", "--concurrency-range", "1"],
  "HTTP, in JSON": [
    "simple",
    SIMPLE,
    "-i",
    "http",
    "--input-tensor-format=json",
    "--output-tensor-format=json",
  ],
  "HTTP, sequences": ["sum", SEQUENCE, "-i", "http", "--concurrency-range", "2"],
} as const satisfies Record<string, readonly [string, Steps, ...string[]]>;

describe.skipIf(without)(
  `perf_analyzer with the embedded server (needs it: ${perf.absent ?? "node .config/peers.mjs sets it up"})`,
  () => {
    let server: Running;
    let client: RawGrpc;
    let folder = "";
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "strainflow-perf-"));
      server = await startSubject("embedded", { only: ["simple", "sum"] });
      client = new RawGrpc(server.grpc);
    }, 120_000);
    afterAll(async () => {
      client?.close();
      await server?.stop();
      await rm(folder, { recursive: true, force: true });
    });

    const answered = async (name: string): Promise<readonly [bigint, bigint]> => {
      const { modelStats } = await client.call(GRPCInferenceService.method.modelStatistics, { name });
      const { success, fail } = modelStats[0]?.inferenceStats ?? {};
      return [success?.count ?? 0n, fail?.count ?? 0n];
    };
    const analyze = async (
      steps: Steps,
      model: string,
      ...args: readonly string[]
    ): Promise<Record<string, number>> => {
      const data = join(folder, "data.json");
      const report = join(folder, "report.csv");
      await writeFile(data, JSON.stringify(steps));
      const address = args.includes("http") ? server.http.replace("http://", "") : server.grpc;
      const measured = [
        "-p",
        "250",
        "-r",
        "20",
        "-s",
        "900",
        "--max-threads",
        "2",
        "--input-data",
        data,
        "-f",
        report,
      ];
      await promisify(execFile)(perf.program ?? "", ["-m", model, "-u", address, ...args, ...measured], {
        env: { ...process.env, LD_LIBRARY_PATH: perf.libraries },
        timeout: 40_000,
      });
      const [names = "", numbers = ""] = (await readFile(report, "utf8")).split("\n");
      return Object.fromEntries(names.split(",").map((name, i) => [name, Number(numbers.split(",")[i])]));
    };

    it.each(Object.entries(WAYS))(
      "finds the values that it was told to expect: %s",
      async (_, [model, steps, ...args]) => {
        const before = await answered(model);
        const report = await analyze(steps, model, ...args);
        const after = await answered(model);
        expect(report["Inferences/Second"]).toBeGreaterThan(1);
        expect(report["p99 latency"]).toBeGreaterThan(0);
        expect(after[0] - before[0]).toBeGreaterThan(3n);
        expect(after[1] - before[1]).toBe(0n);
      },
    );

    it("sees values that are wrong", async () => {
      const [, ...rest] = SIMPLE.validation_data;
      const wrong = { ...SIMPLE, validation_data: [{ OUTPUT0: values(5), OUTPUT1: values(6) }, ...rest] };
      await expect(analyze(wrong, "simple", "-i", "grpc")).rejects.toThrow(
        /Output doesn't match expected output/,
      );
    });
  },
);
