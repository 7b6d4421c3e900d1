import { once } from "node:events";
import { readdirSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:http2";
import { connect as connectTo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { create, toBinary } from "@bufbuild/protobuf";
import { GRPCInferenceService, ModelInferRequestSchema } from "@strainflow/proto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { controlModels, counter, io, onnx } from "../testing/control-models.ts";
import { freshHttp } from "../testing/fresh-http.ts";
import {
  float32,
  floats,
  type InferInit,
  RawClient,
  type RawStream,
  sequence,
} from "../testing/raw-client.ts";
import { type TinyRepository, tinyRepository } from "../testing/tiny-repository.ts";
import { homeOf } from "./home-of.ts";
import { type ServerOfProcesses, serveProcesses } from "./serve-processes.ts";

const { method } = GRPCInferenceService;
type Id = bigint | string;
interface Flags {
  readonly start?: boolean;
  readonly end?: boolean;
}

/** Of each process, an id of a sequence that is its own. */
function idsOf(count: number): readonly bigint[] {
  return Array.from({ length: count }, (_, home) => {
    let id = 1n;
    while (homeOf(id, count) !== home) id += 1n;
    return id;
  });
}

/** Sends a request on a stream of its own, and waits for its answer. @returns what cuts the connection */
async function streamed(address: string, message: InferInit): Promise<() => void> {
  const [host, port] = address.split(":");
  const socket = connectTo(Number(port), host);
  const session = connect(`http://${address}`, { createConnection: () => socket });
  const stream = session.request({
    ":method": "POST",
    ":path": "/inference.GRPCInferenceService/ModelStreamInfer",
    "content-type": "application/grpc",
    te: "trailers",
  });
  for (const one of [session, stream]) one.on("error", () => {});
  const bytes = toBinary(ModelInferRequestSchema, create(ModelInferRequestSchema, message));
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(bytes.byteLength, 1);
  stream.write(Buffer.concat([prefix, bytes]));
  await once(stream, "data");
  return () => void socket.destroy();
}

describe("a server that is two processes", () => {
  let repository: TinyRepository;
  let server: ServerOfProcesses;
  let clients: readonly RawClient[];

  const start = (more = {}): Promise<ServerOfProcesses> =>
    serveProcesses(
      {
        repository: repository.path,
        workers: 1,
        modelControl: "explicit",
        startupModels: ["net", "count", "ens", "two"],
        handOver: true,
        ...more,
      },
      2,
    );
  beforeAll(async () => {
    repository = await tinyRepository([
      ...controlModels,
      {
        name: "two",
        config: `${onnx}${io} instance_group [ { count: 1 } ]
          sequence_batching { max_sequence_idle_microseconds: 60000000 direct {}
          state [ { input_name: "input_sum" output_name: "output_sum" data_type: TYPE_FP32 dims: [2] } ] }`,
        versions: { "1": counter(0) },
      },
    ]);
    server = await start();
    clients = Array.from({ length: 4 }, () => new RawClient(server.grpcAddress));
  });
  afterAll(async () => {
    for (const client of clients) client.close();
    await server.close();
    await repository.remove();
  });

  const one = (at: number): RawClient => {
    const client = clients[at % clients.length];
    if (client === undefined) throw new Error("there is no client");
    return client;
  };
  const request = (modelName: string, id: Id, x: number, flags: Flags = {}, input = "x") => ({
    modelName,
    parameters: sequence(id, flags),
    inputs: [{ name: input, datatype: "FP32", shape: [2n] }],
    rawInputContents: [float32([x, 2 * x])],
  });
  const overHttp = (
    model: string,
    id: Id,
    x: number,
    { start = false, end = false }: Flags = {},
    input = "x",
  ) =>
    freshHttp(`${server.httpAddress}/v2/models/${model}/infer`, {
      method: "POST",
      body: JSON.stringify({
        parameters: {
          sequence_id: typeof id === "bigint" ? Number(id) : id,
          sequence_start: start,
          sequence_end: end,
        },
        inputs: [{ name: input, datatype: "FP32", shape: [2], data: [x, 2 * x] }],
      }),
    });
  /** Connections that go to a process while it dies are cut. */
  const isReady = (): Promise<boolean> =>
    freshHttp(`${server.httpAddress}/v2/health/ready`).then(
      ({ status }) => status === 200,
      () => false,
    );
  const kill = async (index: number): Promise<void> => {
    const pid = server.pids[index];
    if (pid === undefined) throw new Error("there is no such process");
    process.kill(pid, "SIGKILL");
    while (server.pids[index] === pid || !(await isReady())) await pause(5);
  };
  it("goes on with sequences whatever connection and protocol their requests come on", async () => {
    const ids: readonly Id[] = [...idsOf(2), 77n, 1_000_000_007n, "a", "b c", "77"];
    for (const model of ["count", "ens"]) {
      const scale = model === "count" ? 1 : 2;
      const input = model === "count" ? "x" : "a";
      const sums = new Map<Id, number>(ids.map((id) => [id, 0]));
      for (let step = 0; step < 6; step++)
        await Promise.all(
          ids.map(async (id, at) => {
            const x = 1 + at + 10 * step;
            const flags = { start: step === 0, end: step === 5 };
            const sum = (sums.get(id) ?? 0) + scale * x;
            sums.set(id, sum);
            const way = (step + at) % 3;
            let values: readonly number[];
            if (way === 0) values = floats(await one(step + at).infer(request(model, id, x, flags, input)));
            else if (way === 1) {
              const { status, body } = await overHttp(model, id, x, flags, input);
              expect(status, body.toString()).toBe(200);
              const { outputs } = JSON.parse(body.toString()) as { outputs: { data: number[] }[] };
              values = outputs[0]?.data ?? [];
            } else {
              const stream = one(step + at).stream();
              stream.send(request(model, id, x, flags, input));
              const { errorMessage, inferResponse } = await stream.next();
              expect(errorMessage).toBe("");
              values = floats(inferResponse);
              stream.call.end();
              await stream.ended;
            }
            expect(values, `${model} ${id} ${step}`).toEqual([1000 + sum, 1000 + 2 * sum]);
          }),
        );
    }
  });

  it("answers a stream of many sequences in the order of its requests", async () => {
    const stream = one(0).stream();
    const ids = Array.from({ length: 12 }, (_, at) => BigInt(500 + at));
    for (let step = 0; step < 10; step++)
      for (const id of ids)
        stream.send({
          ...request("count", id, 1, { start: step === 0, end: step === 9 }),
          id: `${id} ${step}`,
        });
    for (let step = 0; step < 10; step++)
      for (const id of ids) {
        const { errorMessage, inferResponse } = await stream.next();
        expect([errorMessage, inferResponse?.id]).toEqual(["", `${id} ${step}`]);
        expect(floats(inferResponse)).toEqual([1001 + step, 1002 + 2 * step]);
      }
    stream.call.end();
    await stream.ended;
  });

  it("refuses as one process would, of what runs here and there alike", async () => {
    for (const id of idsOf(2)) {
      const words = `inference request for sequence ${id} to model 'count' must specify the START flag on the first request of the sequence`;
      for (const client of clients)
        await expect(client.infer(request("count", id, 1))).rejects.toMatchObject({
          code: 3,
          details: words,
        });
      for (const _ of [1, 2]) {
        const { status, body } = await overHttp("count", id, 1);
        expect([status, JSON.parse(body.toString())]).toEqual([400, { error: words }]);
      }
      await expect(one(0).infer(request("nowhere", id, 1))).rejects.toMatchObject({ code: 5 });
      const stream: RawStream = one(1).stream();
      stream.send({ ...request("count", id, 1), id: "mine" });
      expect(await stream.next()).toMatchObject({ errorMessage: words, inferResponse: { id: "mine" } });
      stream.call.end();
      await stream.ended;
    }
  });

  it("frees the slot of a sequence at once when its stream is lost, in whichever process", async () => {
    for (const [at, id] of idsOf(2).entries())
      for (let again = 0; again < 4; again++) {
        const lose = await streamed(server.grpcAddress, request("two", id, 1, { start: true }));
        // One slot in each process: another sequence of the same process waits.
        let other = id + 1n;
        while (homeOf(other, 2) !== at) other += 1n;
        const waits = one(at).infer(request("two", other, 5, { start: true, end: true }));
        lose();
        expect(floats(await waits)).toEqual([5, 10]);
      }
  });

  it("hands over states by whatever connection asks for them", async () => {
    for (const id of idsOf(2)) {
      await one(0).infer(request("count", id, 3, { start: true }));
      const url = (name: Id) => `${server.httpAddress}/v2/strainflow/models/count/sequences/${name}/state`;
      for (const target of [id + 1000n, id + 1001n]) {
        const states = await freshHttp(url(id));
        expect(states.status, states.body.toString()).toBe(200);
        const size = String(states.headers["inference-header-content-length"]);
        const put = await freshHttp(url(target), {
          method: "PUT",
          body: states.body,
          headers: { "inference-header-content-length": size },
        });
        expect(put.status, put.body.toString()).toBe(200);
        expect(floats(await one(1).infer(request("count", target, 1, { end: true })))).toEqual([1004, 1008]);
      }
      expect((await freshHttp(url(id), { method: "DELETE" })).status).toBe(200);
      await expect(one(2).infer(request("count", id, 1))).rejects.toMatchObject({ code: 3 });
    }
  });

  it("sums what all have done, and tells of each", async () => {
    const count = async (): Promise<number> => {
      const { modelStats } = await one(0).unary(method.modelStatistics, { name: "net" });
      return Number(modelStats[0]?.inferenceStats?.success?.count);
    };
    const body = JSON.stringify({ inputs: [{ name: "x", datatype: "FP32", shape: [2], data: [1, 2] }] });
    const before = await count();
    for (let i = 0; i < 10; i++)
      await freshHttp(`${server.httpAddress}/v2/models/net/infer`, { method: "POST", body });
    expect((await count()) - before).toBe(10);
    const { body: stats } = await freshHttp(`${server.httpAddress}/v2/models/stats`);
    expect(JSON.parse(stats.toString()).model_stats.map(({ name }: { name: string }) => name)).toEqual([
      "count",
      "ens",
      "net",
      "two",
    ]);
    const page = (await freshHttp(`${server.metricsAddress}`)).body.toString();
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
    expect(value("nv_cpu_memory_total_bytes")).toBeGreaterThan(0);
    expect(page.match(/^# TYPE /gm)?.length).toBe(new Set(page.match(/^# TYPE \S+/gm)).size);
  });

  it("does what clients change in all processes, also in one that starts later", async () => {
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
          const { body } = await freshHttp(`${server.httpAddress}/v2/models/latest/config`);
          return (
            (JSON.parse(body.toString()) as { parameters?: { mark?: unknown } }).parameters?.mark !==
            undefined
          );
        }),
      );
    await one(0).unary(method.repositoryModelLoad, {
      modelName: "latest",
      parameters: { config: text(config) },
    });
    expect(await marks()).toEqual([true, true, true, true]);
    const key = `/strainflow_processes_${process.pid}`;
    await writeFile(`/dev/shm${key}`, float32([4, 5, 0, 0]));
    await one(2).unary(method.systemSharedMemoryRegister, { name: "there", key, byteSize: 16n });
    await one(3).unary(method.logSettings, {
      settings: { log_info: { parameterChoice: { case: "boolParam", value: false } } },
    });
    const shared = (name: string, offset: bigint) => ({
      shared_memory_region: text(name),
      shared_memory_offset: { parameterChoice: { case: "int64Param" as const, value: offset } },
      shared_memory_byte_size: { parameterChoice: { case: "int64Param" as const, value: 8n } },
    });
    const all = async (): Promise<void> => {
      for (const client of clients) {
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
    const page = (await freshHttp(`${server.metricsAddress}`)).body.toString();
    const before = Number(/nv_inference_request_success\{model="two",version="1"\} (\d+)/.exec(page)?.[1]);

    const ids = idsOf(2);
    for (const id of ids) await one(0).infer(request("count", id, 1, { start: true }));
    await kill(0);
    const fresh = new RawClient(server.grpcAddress);
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
    await one(0).unary(method.systemSharedMemoryUnregister, { name: "" });
    await rm(`/dev/shm${key}`);
    await one(0).unary(method.repositoryModelUnload, { modelName: "latest" });
    for (const client of clients)
      expect((await client.unary(method.modelReady, { name: "latest" })).ready).toBe(false);
    const after = (await freshHttp(`${server.metricsAddress}`)).body.toString();
    expect(
      Number(/nv_inference_request_success\{model="two",version="1"\} (\d+)/.exec(after)?.[1]),
    ).toBeGreaterThanOrEqual(before);
    expect(after).toContain('strainflow_process_restarts_total{process="0"} 1');
  });

  it("fails as one to do what it cannot", async () => {
    await expect(one(1).unary(method.repositoryModelLoad, { modelName: "broken" })).rejects.toMatchObject({
      code: 3,
    });
    await expect(one(1).unary(method.repositoryModelLoad, { modelName: "none" })).rejects.toMatchObject({
      code: 13,
    });
    expect(await isReady()).toBe(false);
  });

  it("leaves no folder behind", async () => {
    const folder = await mkdtemp(join(tmpdir(), "strainflow-folders-"));
    const before = process.env["TMPDIR"];
    process.env["TMPDIR"] = folder;
    try {
      const other = await start();
      expect(readdirSync(folder)).toHaveLength(1);
      await other.close();
      await expect(start({ startupModels: ["broken"], modelControl: "none" })).rejects.toThrow();
      expect(readdirSync(folder)).toEqual([]);
    } finally {
      if (before === undefined) delete process.env["TMPDIR"];
      else process.env["TMPDIR"] = before;
      await rm(folder, { recursive: true });
    }
  });
});
