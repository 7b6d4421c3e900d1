import { readdirSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GRPCInferenceService } from "@strainflow/proto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { scale } from "../testing/control-models.ts";
import { freshHttp } from "../testing/fresh-http.ts";
import { float32, floats, RawClient, sequence } from "../testing/raw-client.ts";
import { idsOf, request, serveTwo, TwoProcesses } from "../testing/two-processes.ts";

const { method } = GRPCInferenceService;

describe("a server that is two processes", () => {
  let running: TwoProcesses;
  beforeAll(async () => {
    running = await TwoProcesses.start();
  });
  afterAll(() => running.close());

  it("sums what all have done, and tells of each", async () => {
    const count = async (): Promise<number> => {
      const { modelStats } = await running.one(0).unary(method.modelStatistics, { name: "net" });
      return Number(modelStats[0]?.inferenceStats?.success?.count);
    };
    const body = JSON.stringify({ inputs: [{ name: "x", datatype: "FP32", shape: [2], data: [1, 2] }] });
    const before = await count();
    for (let i = 0; i < 10; i++)
      await freshHttp(`${running.server.httpAddress}/v2/models/net/infer`, { method: "POST", body });
    expect((await count()) - before).toBe(10);
    const { body: stats } = await freshHttp(`${running.server.httpAddress}/v2/models/stats`);
    expect(JSON.parse(stats.toString()).model_stats.map(({ name }: { name: string }) => name)).toEqual([
      "count",
      "ens",
      "net",
      "two",
    ]);
    const page = (await freshHttp(`${running.server.metricsAddress}`)).body.toString();
    const value = (series: string) =>
      Number(
        page
          .split("\n")
          .find((line) => line.startsWith(`${series} `))
          ?.split(" ")
          .at(-1),
      );
    expect(value('nv_inference_request_success{model="net",version="1"}')).toBe(before + 10);
    expect(value('strainflow_inference_request_seconds_bucket{model="net",version="1",le="+Inf"}')).toBe(
      before + 10,
    );
    const each = [0, 1].map((index) =>
      value(`strainflow_process_requests_total{process="${index}",model="net",version="1"}`),
    );
    expect(Math.min(...each)).toBeGreaterThanOrEqual(5);
    expect(each.reduce((a, b) => a + b)).toBe(before + 10);
    const threads = [0, 1].map((index) =>
      value(`strainflow_process_worker_tasks_total{process="${index}",worker="worker 0"}`),
    );
    expect(Math.min(...threads)).toBeGreaterThanOrEqual(5);
    expect(value('strainflow_worker_tasks_total{worker="worker 0"}')).toBe(threads.reduce((a, b) => a + b));
    expect(value("nv_cpu_memory_total_bytes")).toBeGreaterThan(0);
    expect(page.match(/^# TYPE /gm)?.length).toBe(new Set(page.match(/^# TYPE \S+/gm)).size);
  });

  it("does what running.clients change in all processes, also in one that starts later", async () => {
    const text = (value: string) => ({ parameterChoice: { case: "stringParam" as const, value } });
    const config = JSON.stringify({
      platform: "onnxruntime_onnx",
      maxBatchSize: 0,
      input: [{ name: "x", dataType: "TYPE_FP32", dims: [2] }],
      output: [{ name: "y", dataType: "TYPE_FP32", dims: [2] }],
      parameters: { mark: { stringValue: "given" } },
    });
    const marks = () =>
      Promise.all(
        [0, 1, 2, 3].map(async () => {
          const { body } = await freshHttp(`${running.server.httpAddress}/v2/models/latest/config`);
          return (
            (JSON.parse(body.toString()) as { parameters?: { mark?: unknown } }).parameters?.mark !==
            undefined
          );
        }),
      );
    await running.one(0).unary(method.repositoryModelLoad, {
      modelName: "latest",
      parameters: { config: text(config) },
    });
    expect(await marks()).toEqual([true, true, true, true]);
    const key = `/strainflow_processes_${process.pid}`;
    await writeFile(`/dev/shm${key}`, float32([4, 5, 0, 0]));
    await running.one(2).unary(method.systemSharedMemoryRegister, { name: "there", key, byteSize: 16n });
    await running.one(3).unary(method.logSettings, {
      settings: { log_info: { parameterChoice: { case: "boolParam", value: false } } },
    });
    const shared = (name: string, offset: bigint) => ({
      shared_memory_region: text(name),
      shared_memory_offset: { parameterChoice: { case: "int64Param" as const, value: offset } },
      shared_memory_byte_size: { parameterChoice: { case: "int64Param" as const, value: 8n } },
    });
    const all = async (): Promise<void> => {
      for (const client of running.clients) {
        const { settings } = await client.unary(method.logSettings, {});
        expect(settings["log_info"]?.parameterChoice.value).toBe(false);
        const { regions } = await client.unary(method.systemSharedMemoryStatus, {});
        expect(Object.keys(regions)).toEqual(["there"]);
        for (const id of idsOf(2)) {
          await client.infer({
            modelName: "two",
            parameters: sequence(id, { start: true, end: true }),
            inputs: [{ name: "x", datatype: "FP32", shape: [2n], parameters: shared("there", 0n) }],
            outputs: [{ name: "y", parameters: shared("there", 8n) }],
          });
        }
      }
    };
    await all();
    const page = (await freshHttp(`${running.server.metricsAddress}`)).body.toString();
    const before = Number(/nv_inference_request_success\{model="two",version="1"\} (\d+)/.exec(page)?.[1]);

    const ids = idsOf(2);
    for (const id of ids) await running.one(0).infer(request("count", id, 1, { start: true }));
    await running.kill(0);
    const fresh = new RawClient(running.server.grpcAddress);
    const outcomes = await Promise.all(
      ids.map((id) =>
        fresh.infer(request("count", id, 1, { end: true })).then(floats, ({ details }) => details),
      ),
    );
    expect(outcomes.filter((outcome) => Array.isArray(outcome))).toEqual([[1002, 1004]]);
    expect(outcomes.filter((outcome) => typeof outcome === "string")).toEqual([
      expect.stringContaining("must specify the START flag on the first request of the sequence"),
    ]);
    fresh.close();
    expect(await marks()).toEqual([true, true, true, true]);
    await all();
    await running.one(0).unary(method.systemSharedMemoryUnregister, { name: "" });
    await rm(`/dev/shm${key}`);
    await running.one(0).unary(method.repositoryModelUnload, { modelName: "latest" });
    for (const client of running.clients)
      expect((await client.unary(method.modelReady, { name: "latest" })).ready).toBe(false);
    const after = (await freshHttp(`${running.server.metricsAddress}`)).body.toString();
    expect(
      Number(/nv_inference_request_success\{model="two",version="1"\} (\d+)/.exec(after)?.[1]),
    ).toBeGreaterThanOrEqual(before);
    expect(after).toContain('strainflow_process_restarts_total{process="0"} 1');
  });

  it("agrees on what it serves, also where one is killed while it loads", async () => {
    const url = (what: string) => `${running.server.httpAddress}/v2/${what}`;
    const body = JSON.stringify({ inputs: [{ name: "x", datatype: "FP32", shape: [2], data: [1, 1] }] });
    for (const [at, by] of [7, 8].entries()) {
      await writeFile(join(running.repository.path, "latest", "2", "model.onnx"), scale(by));
      const load = async (): Promise<void> => {
        for (;;) {
          const path = url("repository/models/latest/load");
          // Who has asked the one that is killed asks again.
          const answer = await freshHttp(path, { method: "POST", body: "{}" }).catch(() => undefined);
          if (answer?.status === 200) return;
        }
      };
      await Promise.all([load(), running.kill(at)]);
      for (let i = 0; i < 8; i++) {
        const answer = await freshHttp(url("models/latest/infer"), { method: "POST", body });
        expect(JSON.parse(answer.body.toString())).toMatchObject({ outputs: [{ data: [by, by] }] });
      }
    }
  });

  it("fails as one to do what it cannot", async () => {
    await expect(
      running.one(1).unary(method.repositoryModelLoad, { modelName: "broken" }),
    ).rejects.toMatchObject({
      code: 3,
    });
    await expect(
      running.one(1).unary(method.repositoryModelLoad, { modelName: "none" }),
    ).rejects.toMatchObject({
      code: 13,
    });
    expect(await running.isReady()).toBe(false);
  });

  it("leaves no folder behind", async () => {
    const folder = await mkdtemp(join(tmpdir(), "strainflow-folders-"));
    const before = process.env["TMPDIR"];
    process.env["TMPDIR"] = folder;
    try {
      const other = await serveTwo(running.repository);
      expect(readdirSync(folder)).toHaveLength(1);
      await other.close();
      await expect(
        serveTwo(running.repository, { startupModels: ["broken"], modelControl: "none" }),
      ).rejects.toThrow();
      expect(readdirSync(folder)).toEqual([]);
    } finally {
      if (before === undefined) delete process.env["TMPDIR"];
      else process.env["TMPDIR"] = before;
      await rm(folder, { recursive: true });
    }
  });
});
