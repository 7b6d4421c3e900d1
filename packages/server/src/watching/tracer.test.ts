import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { GRPCInferenceService } from "@strainflow/proto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createServer } from "../server.ts";
import { float32, RawClient, sequence } from "../testing/raw-client.ts";
import { serveTiny } from "../testing/serve-tiny.ts";
import {
  accumulator,
  CHANNELS,
  ensemble,
  network,
  scaler,
  snapshotter,
  tinyRepository,
  UPDATE,
} from "../testing/tiny-repository.ts";

const { method } = GRPCInferenceService;
const io = `input [ { name: "x" data_type: TYPE_FP32 dims: [2] } ] output [ { name: "y" data_type: TYPE_FP32 dims: [2] } ]`;
interface TraceObject {
  readonly id: number;
  readonly model_name?: string;
  readonly request_id?: string;
  readonly parent_id?: number;
  readonly timestamps?: readonly { readonly name: string; readonly ns: number }[];
  readonly activity?: string;
  readonly tensor?: object;
}

describe("settings that clients change", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "strainflow-settings-"));
  });
  afterAll(() => rm(folder, { recursive: true }));
  const tiny = serveTiny(
    [
      scaler("net", 2, io, [2]),
      scaler("other", 3, io, [2]),
      snapshotter("snap"),
      network("network"),
      accumulator("sums"),
      ensemble("ens", "snap", "network", "sums"),
    ],
    () => ({ workers: 1, trace: { file: join(folder, "trace.json"), rate: 1 } }),
  );
  const { http } = tiny;
  const trace = async (settings: Record<string, readonly string[]>, modelName = "") => {
    const given = Object.fromEntries(
      Object.entries(settings).map(([key, value]) => [key, { value: [...value] }]),
    );
    const { settings: now } = await tiny.client.unary(method.traceSetting, { modelName, settings: given });
    return Object.fromEntries(Object.entries(now).map(([key, { value }]) => [key, value]));
  };
  const written = async (file: string): Promise<TraceObject[]> =>
    JSON.parse(await readFile(join(folder, file), "utf8")) as TraceObject[];

  describe("of the trace", () => {
    const start = {
      trace_level: ["OFF"],
      trace_rate: ["1"],
      trace_count: ["-1"],
      log_frequency: ["0"],
      trace_mode: ["triton"],
    };

    it("tell what they are, and go back to what they were when cleared", async () => {
      const file = { trace_file: [join(folder, "trace.json")] };
      expect(await trace({})).toEqual({ ...start, ...file });
      expect(await trace({ trace_rate: ["-1"], log_frequency: ["3"] })).toMatchObject({
        trace_rate: ["4294967295"],
        log_frequency: ["3"],
      });
      expect(await trace({ trace_rate: ["7"] }, "net")).toMatchObject({
        trace_rate: ["7"],
        log_frequency: ["3"],
      });
      expect(await trace({}, "other")).toMatchObject({ trace_rate: ["4294967295"] });
      expect(await trace({ trace_rate: [] }, "net")).toMatchObject({ trace_rate: ["4294967295"] });
      expect(await trace({ trace_rate: [], log_frequency: [], unknown: ["1"] })).toEqual({
        ...start,
        ...file,
      });
    });

    it.each<[string, Record<string, readonly string[]>, string]>([
      ["rate", { trace_rate: ["x"] }, "Unable to parse 'trace_rate', got: x"],
      ["two rates", { trace_rate: ["7", "8"] }, "expect only 1 value for 'trace_rate'"],
      ["count", { trace_count: ["-5"] }, "Unable to parse 'trace_count'. Expecting value >= -1, got:-5"],
      [
        "a count too large",
        { trace_count: ["99999999999999"] },
        "Unable to parse 'trace_count', value is out of range [ -1, 2147483647 ], got: 99999999999999",
      ],
      ["levels", { trace_level: ["TIMESTAMPS", "OFF"] }, "Expect only one trace level 'OFF' is specified"],
    ])("are refused as a whole: %s", async (_, settings, details) => {
      const before = await trace({});
      const change = trace({ log_frequency: ["9"], ...settings });
      await expect(change).rejects.toMatchObject({ code: status.INVALID_ARGUMENT, details });
      expect(await trace({})).toEqual(before);
    });

    it("do not move the file, and know no model that is not there", async () => {
      await expect(trace({ trace_file: ["/tmp/x"] })).rejects.toMatchObject({
        code: status.UNIMPLEMENTED,
        details: "trace file location can not be updated through network protocol",
      });
      await expect(trace({}, "nope")).rejects.toMatchObject({
        code: status.INVALID_ARGUMENT,
        details: "Request for unknown model : nope",
      });
      expect(await http("/v2/models/nope/trace/setting")).toEqual([
        400,
        { error: "Request for unknown model : nope" },
      ]);
    });

    it("are the same over HTTP", async () => {
      const flat = (levels: string[], rate: string) => ({
        trace_level: levels,
        trace_rate: rate,
        trace_count: "-1",
        log_frequency: "0",
        trace_file: join(folder, "trace.json"),
        trace_mode: "triton",
      });
      expect(await http("/v2/trace/setting")).toEqual([200, flat(["OFF"], "1")]);
      expect(
        await http("/v2/models/net/trace/setting", { trace_level: ["TENSORS"], trace_rate: "5" }),
      ).toEqual([200, flat(["TENSORS"], "5")]);
      expect(await http("/v2/models/net/trace/setting", { trace_level: null, trace_rate: null })).toEqual([
        200,
        flat(["OFF"], "1"),
      ]);
      expect(await http("/v2/trace/setting", { trace_rate: 5 })).toEqual([
        500,
        { error: "attempt to access JSON non-string as string" },
      ]);
      expect(await http("/v2/trace/setting", { trace_level: "OFF" })).toEqual([
        500,
        { error: "attempt to access JSON non-array as array" },
      ]);
      expect(await http("/v2/trace/setting", "")).toEqual([
        500,
        { error: "failed to parse the request JSON buffer: The document is empty. at 0" },
      ]);
    });

    it("write a file per so many traces, as many as asked, with the stations in order and the tensors", async () => {
      await trace(
        { trace_level: ["TIMESTAMPS", "TENSORS"], log_frequency: ["2"], trace_count: ["4"] },
        "net",
      );
      for (const id of ["a", "b", "c", "d", "e", "f"]) await tiny.infer("net", { id });
      await tiny.infer("other", { id: "not this one" });
      await trace({ trace_level: [], log_frequency: [], trace_count: [] }, "net");
      expect((await readdir(folder)).sort()).toEqual(["trace.json.0", "trace.json.1"]);
      const both = [...(await written("trace.json.0")), ...(await written("trace.json.1"))];
      const heads = both.filter(({ model_name }) => model_name !== undefined);
      expect(heads.map(({ model_name, request_id }) => [model_name, request_id])).toEqual([
        ["net", "a"],
        ["net", "b"],
        ["net", "c"],
        ["net", "d"],
      ]);
      const first = both.filter(({ id }) => id === both[0]?.id);
      const stamps = first.flatMap(({ timestamps = [] }) => timestamps);
      const at = (name: string): number => stamps.find((stamp) => stamp.name === name)?.ns ?? Number.NaN;
      const stations = [
        "GRPC_RECV_START",
        "GRPC_RECV_END",
        "QUEUE_START",
        "COMPUTE_START",
        "COMPUTE_INPUT_END",
        "COMPUTE_OUTPUT_START",
        "COMPUTE_END",
        "GRPC_SEND_START",
        "GRPC_SEND_END",
      ].map(at);
      expect(stations).toEqual([...stations].sort((a, b) => a - b));
      expect(stations.every((ns) => ns > 0)).toBe(true);
      expect(first.filter(({ tensor }) => tensor !== undefined)).toMatchObject([
        { activity: "TENSOR_QUEUE_INPUT", tensor: { name: "x", data: "1,2", shape: "2", dtype: "FP32" } },
        { activity: "TENSOR_BACKEND_OUTPUT", tensor: { name: "y", data: "2,4", shape: "2", dtype: "FP32" } },
      ]);
    });

    it("trace an ensemble with its steps, into one file that is whole at any time", async () => {
      await trace({ trace_level: ["TIMESTAMPS"] });
      for (const round of [1, 2]) {
        await tiny.client.infer({
          modelName: "ens",
          id: `e${round}`,
          parameters: sequence(7n, { start: true, end: true }),
          inputs: [{ name: "stream", datatype: "FP32", shape: [1n, BigInt(CHANNELS), BigInt(UPDATE)] }],
          rawInputContents: [float32(new Array(CHANNELS * UPDATE).fill(1))],
        });
        await trace({ log_frequency: ["0"] });
        const heads = (await written("trace.json")).filter(({ model_name }) => model_name !== undefined);
        expect(heads.length).toBe(4 * round);
        const [ens, ...steps] = heads.slice(-4);
        expect(ens).toMatchObject({ model_name: "ens", request_id: `e${round}` });
        expect(steps.map(({ model_name, parent_id }) => [model_name, parent_id])).toEqual([
          ["snap", ens?.id],
          ["network", ens?.id],
          ["sums", ens?.id],
        ]);
      }
      await trace({ trace_level: [] });
    });
  });
});

describe("a server without a trace file", () => {
  it("refuses traces as a Triton without one does, and logs into its file", async () => {
    const repository = await tinyRepository([scaler("net", 2, io, [2])]);
    const logFile = join(repository.path, "..", `${repository.path.split("/").at(-1)}.log`);
    const server = await createServer({
      repository: repository.path,
      workers: 1,
      logFile,
      metricsPort: false,
    });
    const client = new RawClient(server.grpcAddress);
    const change = client.unary(method.traceSetting, {
      settings: { trace_level: { value: ["TIMESTAMPS"] } },
    });
    await expect(change).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: "Attempting to set invalid trace setting :trace file name is not given",
    });
    const { settings } = await client.unary(method.logSettings, {});
    expect(settings.log_file?.parameterChoice.value).toBe(logFile);
    client.close();
    await server.close();
    expect(await readFile(logFile, "utf8")).toContain("successfully loaded 'net'");
    await rm(logFile);
    await repository.remove();
  });
});
