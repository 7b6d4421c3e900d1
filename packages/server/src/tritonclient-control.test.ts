import { execFile, spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createGraph } from "@strainflow/repository";
import { expect, it } from "vitest";
import { createServer } from "./server.ts";
import { scaler, tinyRepository } from "./testing/tiny-repository.ts";

const python = process.env.STRAINFLOW_PYTHON ?? "python3";
const modules =
  "tritonclient.grpc, tritonclient.http, tritonclient.utils.shared_memory, grpc_health, grpc_reflection, prometheus_client";
const there = spawnSync(python, ["-c", `import ${modules}`]).status === 0;
const script = fileURLToPath(new URL("./testing/tritonclient_control.py", import.meta.url));

function tripled(): Uint8Array {
  const g = createGraph("tripled");
  g.output("y", g.op("Mul", [g.input("x", "FP32", [2]), g.float(3)]), "FP32", [2]);
  return g.toBytes();
}

it.skipIf(!there && process.env.STRAINFLOW_REQUIRE !== "all")(
  "Python's own clients find all of the control surface (needs python3 with tritonclient, grpcio-reflection and prometheus-client; STRAINFLOW_PYTHON names another python)",
  async () => {
    const io = `input [ { name: "x" data_type: TYPE_FP32 dims: [2] } ] output [ { name: "y" data_type: TYPE_FP32 dims: [2] } ]`;
    const repository = await tinyRepository([scaler("net", 2, io, [2])]);
    const server = await createServer({ repository: repository.path, workers: 1, modelControl: "explicit" });
    try {
      const file = join(repository.path, ".brought.onnx");
      await writeFile(file, tripled());
      const { stdout } = await promisify(execFile)(python, [
        script,
        server.grpcAddress,
        `${server.httpAddress}`.replace("http://", ""),
        `${server.metricsAddress}`,
        `/strainflow_test_${process.pid}`,
        file,
      ]);
      const results = JSON.parse(stdout) as Record<"grpc" | "http", Record<string, unknown>> &
        Record<string, object>;
      for (const front of ["grpc", "http"] as const)
        expect(results[front], front).toMatchObject({
          live: true,
          loaded: true,
          parameters: { a: { string_value: "b" } },
          regions: { name: "region", key: `/strainflow_test_${process.pid}` },
          shared: [3, 6],
          gone: "Unable to find shared memory region: 'region'",
          batches: [1],
          trace_refused: "Attempting to set invalid trace setting :trace file name is not given",
          unknown: "failed to load 'nope', failed to poll from model repository",
          unloaded: false,
        });
      expect(results.grpc.index).toEqual([{ name: "net" }]);
      expect(results.http.index).toEqual([
        { name: "net", version: "1", state: "UNAVAILABLE", reason: "unloaded" },
      ]);
      expect(results.http.trace).toMatchObject({
        trace_level: ["OFF"],
        trace_rate: "1000",
        trace_mode: "triton",
      });
      expect(results.http.log).toMatchObject({ log_verbose_level: 1, log_info: true });
      expect(results.grpc.log).toMatchObject({ settings: { log_verbose_level: { uint32_param: 1 } } });
      expect(results.grpc.cuda).toBe("failed to register shared memory region: invalid args");
      expect(results.health).toBe(1);
      expect(results.watch).toBe(1);
      expect(results.methods).toEqual({
        "inference.GRPCInferenceService": 20,
        "grpc.health.v1.Health": 3,
        "grpc.reflection.v1.ServerReflection": 1,
        "grpc.reflection.v1alpha.ServerReflection": 1,
      });
      expect(results.families).toMatchObject({
        nv_inference_request_success: "counter",
        nv_inference_pending_request_count: "gauge",
        strainflow_inference_request_seconds: "histogram",
      });
    } finally {
      await server.close();
      await repository.remove();
    }
  },
);
