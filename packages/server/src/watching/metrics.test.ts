import { GRPCInferenceService } from "@strainflow/proto";
import { beforeAll, describe, expect, it } from "vitest";
import { float32, sequence } from "../testing/raw-client.ts";
import { serveTiny } from "../testing/serve-tiny.ts";
import {
  accumulator,
  CHANNELS,
  ensemble,
  network,
  scaler,
  snapshotter,
  UPDATE,
} from "../testing/tiny-repository.ts";

const { method } = GRPCInferenceService;

describe("what the server counts", () => {
  const io = `input [ { name: "x" data_type: TYPE_FP32 dims: [2] } ] output [ { name: "y" data_type: TYPE_FP32 dims: [2] } ]`;
  const tiny = serveTiny(
    [
      scaler("net", 2, `max_batch_size: 8\n${io}`, ["batch", 2]),
      snapshotter("snap"),
      network("network"),
      accumulator("sums"),
      ensemble("ens", "snap", "network", "sums"),
    ],
    { workers: 1 },
  );
  beforeAll(async () => {
    const { client } = tiny;
    for (const rows of [3, 3, 1])
      await client.infer({
        modelName: "net",
        inputs: [{ name: "x", datatype: "FP32", shape: [BigInt(rows), 2n] }],
        rawInputContents: [float32(new Array(2 * rows).fill(1))],
      });
    await client
      .infer({
        modelName: "net",
        inputs: [{ name: "x", datatype: "FP32", shape: [2n] }],
        rawInputContents: [float32([1, 1])],
      })
      .catch(() => {});
    await client.infer({
      modelName: "ens",
      parameters: sequence(7n, { start: true, end: true }),
      inputs: [{ name: "stream", datatype: "FP32", shape: [1n, BigInt(CHANNELS), BigInt(UPDATE)] }],
      rawInputContents: [float32(new Array(CHANNELS * UPDATE).fill(1))],
    });
  });

  const scrape = async (): Promise<string> => (await fetch(tiny.server.metricsAddress ?? "")).text();
  const value = (text: string, series: string): number => {
    const line = text.split("\n").find((one) => one.startsWith(`${series} `));
    return line === undefined ? Number.NaN : Number(line.slice(series.length + 1));
  };

  it("is told by statistics: by station, and by batch size", async () => {
    const { modelStats } = await tiny.client.unary(method.modelStatistics, { name: "net" });
    const [stats] = modelStats;
    expect(stats).toMatchObject({ inferenceCount: 7n, executionCount: 3n });
    expect(stats?.inferenceStats?.success?.count).toBe(3n);
    // A request that is refused before it is queued is no failure of the model's, as in Triton.
    expect(stats?.inferenceStats?.fail?.count).toBe(0n);
    expect(Number(stats?.lastInference)).toBeGreaterThan(Date.now() - 60_000);
    expect(stats?.batchStats.map(({ batchSize, computeInfer }) => [batchSize, computeInfer?.count])).toEqual([
      [1n, 1n],
      [3n, 2n],
    ]);
    const { success, queue, computeInput, computeInfer, computeOutput } = stats?.inferenceStats ?? {};
    const parts = [queue, computeInput, computeInfer, computeOutput].map((part) => part?.ns ?? 0n);
    expect(parts.every((ns) => ns > 0n)).toBe(true);
    expect(Number(parts.reduce((sum, ns) => sum + ns, 0n))).toBeCloseTo(Number(success?.ns), -2);
    expect(stats?.batchStats.reduce((sum, { computeInfer: one }) => sum + (one?.ns ?? 0n), 0n)).toBe(
      computeInfer?.ns,
    );
  });

  it("of an ensemble is the sum of its steps", async () => {
    const { modelStats } = await tiny.client.unary(method.modelStatistics, {});
    const of = (name: string) => modelStats.find((stats) => stats.name === name);
    const infer = (name: string): number => Number(of(name)?.inferenceStats?.computeInfer?.ns);
    expect(of("ens")).toMatchObject({
      inferenceCount: 1n,
      executionCount: 1n,
      batchStats: [{ batchSize: 1n }],
    });
    expect(infer("ens")).toBeCloseTo(infer("snap") + infer("network") + infer("sums"), -1);
    const all = await fetch(`${tiny.server.httpAddress}/v2/models/stats`);
    expect(((await all.json()) as { model_stats: object[] }).model_stats).toHaveLength(5);
  });

  it.each([
    ["/v2/models/nope/stats", 400, "requested model 'nope' is not available"],
    ["/v2/models/net/versions/4/stats", 400, "requested model version is not available for model 'net'"],
    ["/v2/models/net/versions/a/stats", 404, "Not Found"],
  ])("is refused in Triton's words: %s", async (path, code, error) => {
    const response = await fetch(`${tiny.server.httpAddress}${path}`);
    expect([response.status, await response.json()]).toEqual([code, { error }]);
  });

  it("is scraped on a port of its own, under Triton's names and labels", async () => {
    const text = await scrape();
    const net = 'model="net",version="1"';
    expect(value(text, `nv_inference_request_success{${net}}`)).toBe(3);
    expect(value(text, `nv_inference_count{${net}}`)).toBe(7);
    expect(value(text, `nv_inference_exec_count{${net}}`)).toBe(3);
    expect(value(text, `nv_inference_request_failure{model="net",reason="BACKEND",version="1"}`)).toBe(0);
    expect(value(text, `nv_inference_pending_request_count{${net}}`)).toBe(0);
    for (const station of ["request", "queue", "compute_input", "compute_infer", "compute_output"])
      expect(value(text, `nv_inference_${station}_duration_us{${net}}`)).toBeGreaterThanOrEqual(0);
    expect(value(text, "nv_cpu_memory_total_bytes")).toBeGreaterThan(value(text, "nv_cpu_memory_used_bytes"));
    expect(value(text, "nv_cpu_utilization")).toBeLessThanOrEqual(1);
    expect((await fetch(`${tiny.server.metricsAddress}`, { method: "POST" })).status).toBe(405);
    expect((await fetch(`${tiny.server.metricsAddress}`.replace("/metrics", "/"))).status).toBe(404);
  });

  it("tells of each compute thread", async () => {
    const text = await scrape();
    const of = (figure: string, worker: string) =>
      value(text, `strainflow_worker_${figure}{worker="${worker}"}`);
    // Three batches of the one and a request of the other; and a request of each of two with states.
    expect([of("tasks_total", "worker 0"), of("tasks_total", "sequence worker 0")]).toEqual([4, 2]);
    const ran = ["net", "network"].map((model) =>
      value(text, `strainflow_inference_compute_seconds_sum{model="${model}",version="1"}`),
    );
    expect(of("busy_seconds_total", "worker 0")).toBeCloseTo((ran[0] ?? 0) + (ran[1] ?? 0), 6);
    for (const worker of ["worker 0", "sequence worker 0"])
      expect([of("pending_tasks", worker), of("restarts_total", worker)]).toEqual([0, 0]);
  });

  it("has histograms whose buckets add up", async () => {
    const text = await scrape();
    for (const name of ["request", "queue", "compute"]) {
      const series = `strainflow_inference_${name}_seconds`;
      const counts = text
        .split("\n")
        .filter((line) => line.startsWith(`${series}_bucket{model="net"`))
        .map((line) => Number(line.split(" ").at(-1)));
      expect(counts).toEqual([...counts].sort((a, b) => a - b));
      expect(counts.at(-1)).toBe(3);
      expect(value(text, `${series}_count{model="net",version="1"}`)).toBe(3);
    }
    const total = value(text, 'nv_inference_request_duration_us{model="net",version="1"}');
    const sum = value(text, 'strainflow_inference_request_seconds_sum{model="net",version="1"}');
    expect(sum * 1e6).toBeCloseTo(total, -1);
  });

  it("every line is one that Prometheus' text format has", async () => {
    const families = new Map<string, string>();
    for (const line of (await scrape()).trimEnd().split("\n")) {
      const head = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line);
      if (head !== null) {
        if (head[1] === "TYPE") families.set(head[2] ?? "", head[3] ?? "");
        continue;
      }
      const sample =
        /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{([a-z]+="[^"\\\n]*"(,[a-z]+="[^"\\\n]*")*)\})? (\S+)$/.exec(line);
      expect(sample, line).not.toBeNull();
      const name = sample?.[1] ?? "";
      const family = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ""));
      expect(["counter", "gauge", "histogram"], line).toContain(family);
      expect(Number.isFinite(Number(sample?.[5])), line).toBe(true);
    }
    expect(families.size).toBe(20);
  });
});
