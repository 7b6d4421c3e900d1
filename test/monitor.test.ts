import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  createCsvSink,
  type ModelActivity,
  type MonitoredServer,
  type MonitorSample,
  monitorServers,
  runSinks,
} from "@strainflow/monitor";
import { createGraph } from "@strainflow/repository";
import { createServer } from "@strainflow/server";
import { connect } from "@strainflow/triton";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startHermesMonitor, withoutHermes } from "./support/hermes.ts";
import { describeTriton, type RealTriton, startRealTriton } from "./support/real-triton.ts";

const TENSORS = `
max_batch_size: 8
input { name: "x" data_type: TYPE_FP32 dims: [4] }
output { name: "y" data_type: TYPE_FP32 dims: [4] }`;

const PYTHON = `
import time
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def execute(self, requests):
        time.sleep(0.002)
        return [pb_utils.InferenceResponse([
            pb_utils.Tensor("y", pb_utils.get_input_tensor_by_name(request, "x").as_numpy() * 2)
        ]) for request in requests]
`;

/** The same for a server that runs ONNX. */
function twice(): Uint8Array {
  const graph = createGraph("twice");
  graph.output("y", graph.op("Mul", [graph.input("x", "FP32", ["n", 4]), graph.float(2)]), "FP32", ["n", 4]);
  return graph.toBytes();
}

const step = (model: string, from: string, to: string): string =>
  `step { model_name: "${model}" model_version: -1 input_map { key: "x" value: "${from}" } output_map { key: "y" value: "${to}" } }`;

/** An ensemble of two models, one model with a tag of its own, and one that is never asked. */
async function writeModels(folder: string, backend: "python" | "onnx"): Promise<void> {
  const network = `${backend === "python" ? 'backend: "python"' : 'platform: "onnxruntime_onnx"'}${TENSORS}\ninstance_group { count: 1 kind: KIND_CPU }`;
  const configs = {
    first: network,
    second: network,
    tagged: `${network}\nmetric_tags { key: "site" value: "LHO" }`,
    quiet: network,
    pipe: `platform: "ensemble"${TENSORS}\nensemble_scheduling { ${step("second", "x", "mid")} ${step("first", "mid", "y")} }`,
  };
  for (const [name, config] of Object.entries(configs)) {
    await mkdir(join(folder, name, "1"), { recursive: true });
    await writeFile(join(folder, name, "config.pbtxt"), config);
    if (name === "pipe") continue;
    if (backend === "python") await writeFile(join(folder, name, "1", "model.py"), PYTHON);
    else await writeFile(join(folder, name, "1", "model.onnx"), twice());
  }
}

async function ask(address: string, model: string, requests: number, batch: number): Promise<void> {
  const client = await connect(address);
  try {
    for (let i = 0; i < requests; i++)
      await client.infer(model, {
        id: String(i),
        inputs: { x: { datatype: "FP32", shape: [batch, 4], data: new Float32Array(batch * 4).fill(i) } },
      });
  } finally {
    client.close();
  }
}

const modelsOf = (sample: MonitorSample | undefined): readonly ModelActivity[] =>
  sample?.kind === "server" ? sample.models : [];

/** Models as they were asked, each with its steps, and durations that are the server's own statistics. */
async function countsEveryRequest(server: MonitoredServer, address: string): Promise<void> {
  const stop = new AbortController();
  const sums = new Map<string, Record<string, number>>();
  const last = new Map<string, ModelActivity>();
  let asked: Promise<void> | undefined;
  let afterwards = 0;
  for await (const sample of monitorServers({ servers: [server], intervalMs: 50, signal: stop.signal })) {
    if (sample.kind === "away" || sample.kind === "no-steps") throw sample.error;
    asked ??= Promise.all([
      ask(address, "pipe", 30, 4),
      ask(address, "first", 10, 1),
      ask(address, "tagged", 5, 8),
    ]).then(() => {
      afterwards = 1;
    });
    let quiet = true;
    for (const activity of modelsOf(sample)) {
      const sum = sums.get(activity.model) ?? {};
      for (const [name, value] of Object.entries(activity.counters)) {
        sum[name] = (sum[name] ?? 0) + value;
        if (value > 0) quiet = false;
      }
      sums.set(activity.model, sum);
      last.set(activity.model, activity);
    }
    // Triton counts a request after it has answered it.
    if (afterwards > 0 && quiet && ++afterwards > 3) stop.abort();
  }
  await asked;
  expect(sums.get("pipe")).toMatchObject({ requests: 30, inferences: 120, executions: 30, failures: 0 });
  expect(sums.get("second")).toMatchObject({ requests: 30, inferences: 120 });
  expect(sums.get("first")).toMatchObject({ requests: 40, inferences: 130 });
  expect(sums.get("tagged")).toMatchObject({ requests: 5, inferences: 40 });
  expect(sums.get("quiet")).toMatchObject({ requests: 0, inferences: 0, requestUs: 0 });
  expect([...last.values()].map(({ model, steps, stepOf }) => [model, steps, stepOf])).toEqual([
    ["first", undefined, ["pipe"]],
    ["pipe", ["second", "first"], []],
    ["quiet", undefined, []],
    ["second", undefined, ["pipe"]],
    ["tagged", undefined, []],
  ]);

  const client = await connect(address);
  try {
    let totals: MonitorSample | undefined;
    for await (const sample of monitorServers({ servers: [server], once: true })) totals = sample;
    for (const { name, inferenceStats } of await client.statistics()) {
      const told = modelsOf(totals).find(({ model }) => model === name)!;
      expect(told.counters.requests, name).toBe(Number(inferenceStats?.success?.count));
      // Each request's part is cut to whole microseconds before it is added up.
      for (const [ours, theirs] of [
        [told.counters.requestUs, inferenceStats?.success?.ns],
        [told.counters.queueUs, inferenceStats?.queue?.ns],
        [told.counters.computeInputUs, inferenceStats?.computeInput?.ns],
        [told.counters.computeInferUs, inferenceStats?.computeInfer?.ns],
        [told.counters.computeOutputUs, inferenceStats?.computeOutput?.ns],
      ] as const)
        expect(Math.abs(ours! - Number(theirs) / 1000), name).toBeLessThanOrEqual(
          told.counters.requests! + 1,
        );
    }
  } finally {
    client.close();
  }
}

describe("the monitor of the embedded server", () => {
  it("counts every request, per model and per step, and its durations are the server's own", async () => {
    const folder = await mkdtemp(join(tmpdir(), "strainflow-monitored-"));
    await writeModels(folder, "onnx");
    const server = await createServer({ repository: folder });
    try {
      await countsEveryRequest(
        { name: "embedded", metrics: server.metricsAddress ?? "", models: `grpc://${server.grpcAddress}` },
        server.grpcAddress,
      );
      // Ours keeps a histogram, and so tells quantiles at the server as well.
      for await (const sample of monitorServers({
        servers: [{ metrics: server.metricsAddress ?? "" }],
        once: true,
      }))
        for (const { model, counters, quantiles } of modelsOf(sample)) {
          const us = [...(quantiles?.us.values() ?? [])];
          expect(us, model).toHaveLength(counters.requests === 0 ? 0 : 5);
          expect(us, model).toEqual(us.toSorted((one, other) => one - other));
        }
    } finally {
      await server.close();
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describeTriton("the monitor of a real Triton", () => {
  let folder = "";
  let triton: RealTriton;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "strainflow-monitored-"));
    await writeModels(join(folder, "models"), "python");
    triton = await startRealTriton(join(folder, "models"));
  });
  afterAll(async () => {
    await triton?.close();
    await rm(folder, { recursive: true, force: true });
  });
  const server = () => ({
    name: "triton",
    metrics: triton.metricsAddress,
    models: `grpc://${triton.address}`,
  });

  it("counts every request, per model and per step, and its durations are the server's own", () =>
    countsEveryRequest(server(), triton.address));

  it("goes on through a server that is killed and started again, and sees that it began anew", async () => {
    const own = await startRealTriton(join(folder, "models"), { supervise: true });
    try {
      await ask(own.address, "first", 5, 1);
      const kinds: string[] = [];
      const stop = new AbortController();
      let killed = false;
      let asked: Promise<void> | undefined;
      let counted = 0;
      let resets = 0;
      for await (const sample of monitorServers({
        servers: [{ metrics: own.metricsAddress }],
        intervalMs: 50,
        signal: stop.signal,
      })) {
        if (kinds.at(-1) !== sample.kind) kinds.push(sample.kind);
        if (sample.kind === "server" && !killed) {
          killed = true;
          process.kill(own.pid, "SIGKILL");
        }
        if (!kinds.includes("away") || sample.kind !== "server") continue;
        asked ??= ask(own.address, "first", 3, 1);
        for (const { model, counters, reset } of sample.models) {
          if (reset) resets++;
          if (model === "first") counted += counters.requests ?? 0;
        }
        if (counted >= 3) stop.abort();
      }
      await asked;
      expect(kinds).toEqual(["seen", "server", "away", "server"]);
      expect(counted).toBe(3);
      expect(resets).toBeGreaterThanOrEqual(1);
    } finally {
      await own.close();
    }
  });

  it.skipIf(withoutHermes)(
    "writes what hermes writes of the same server (needs Python with ml4gw-hermes)",
    async () => {
      // hermes says nowhere that it has begun: how often it has asked is counted on the way.
      let asked = 0;
      const relay = createHttpServer((_, response) => {
        fetch(triton.metricsAddress)
          .then((page) => page.text())
          .then(
            (text) => {
              response.end(text);
              asked++;
            },
            () => response.destroy(),
          );
      });
      await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
      const address = relay.address();
      const metricsPort = typeof address === "object" && address !== null ? address.port : 0;
      const askedAgain = async (times: number): Promise<void> => {
        for (const from = asked; asked < from + times; ) await sleep(20);
      };
      const theirs = join(folder, "hermes.csv");
      const ours = join(folder, "ours.csv");
      // An ensemble: of a plain model hermes 0.3.1 finds no latest version, and with a tag a model has labels that it does not expect.
      const hermes = startHermesMonitor({
        model: "pipe",
        file: theirs,
        grpcPort: Number(triton.address.split(":").at(-1)),
        metricsPort,
      });
      const stop = new AbortController();
      const running = runSinks(monitorServers({ servers: [server()], intervalMs: 50, signal: stop.signal }), [
        await createCsvSink(ours, { models: ["pipe"] }),
      ]);
      try {
        await Promise.race([askedAgain(2), hermes.ended]);
        for (let burst = 0; burst < 3; burst++) {
          await ask(triton.address, "pipe", 12, 2);
          await askedAgain(3);
        }
      } finally {
        stop.abort();
        await running;
        await hermes.stop().finally(() => {
          relay.close();
          relay.closeAllConnections();
        });
      }
      const [their, our] = await Promise.all([theirs, ours].map(readCsv));
      expect(our!.header).toBe(their!.header);
      for (const model of ["first", "second"]) {
        const ourRows = our!.rows.filter((row) => row[2] === model);
        const theirRows = their!.rows.filter((row) => row[2] === model);
        expect(sumOf(ourRows), model).toEqual(sumOf(theirRows));
        expect(sumOf(ourRows)[0]).toBe(36);
      }
      for (const row of [...our!.rows, ...their!.rows])
        expect(row.join(",")).toMatch(/^\d{10}(\.\d+)?,127\.0\.0\.1,(first|second)(,\d+){6}$/);
    },
  );
});

async function readCsv(path: string): Promise<{ header: string; rows: string[][] }> {
  const [header = "", ...lines] = (await readFile(path, "utf8")).trimEnd().split("\n");
  return { header, rows: lines.map((line) => line.split(",")) };
}

/** Of each column from `count` on. */
function sumOf(rows: readonly string[][]): number[] {
  return [3, 4, 5, 6, 7, 8].map((column) => rows.reduce((sum, row) => sum + Number(row[column]), 0));
}
