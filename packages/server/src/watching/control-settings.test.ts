import { status } from "@grpc/grpc-js";
import { GRPCInferenceService } from "@strainflow/proto";
import { describe, expect, it } from "vitest";
import { serveTiny } from "../testing/serve-tiny.ts";
import { scaler } from "../testing/tiny-repository.ts";

const { method } = GRPCInferenceService;
const io = `input [ { name: "x" data_type: TYPE_FP32 dims: [2] } ] output [ { name: "y" data_type: TYPE_FP32 dims: [2] } ]`;
const DEFAULT_LOG = {
  log_file: "",
  log_info: true,
  log_warning: true,
  log_error: true,
  log_verbose_level: 0,
  log_format: "default",
};

describe("log settings", () => {
  const lines: string[] = [];
  const tiny = serveTiny([scaler("net", 2, io, [2])], { workers: 1, log: (line) => lines.push(line) });
  const { http } = tiny;
  const log = async (settings: Record<string, boolean | number | string>) => {
    const kinds = { boolean: "boolParam", number: "uint32Param", string: "stringParam" } as const;
    const given = Object.fromEntries(
      Object.entries(settings).map(([key, value]) => [
        key,
        { parameterChoice: { case: kinds[typeof value as keyof typeof kinds], value } as never },
      ]),
    );
    const { settings: now } = await tiny.client.unary(method.logSettings, { settings: given });
    return Object.fromEntries(
      Object.entries(now).map(([key, { parameterChoice }]) => [key, parameterChoice.value]),
    );
  };

  it("tell what they are, over gRPC and HTTP", async () => {
    expect(await log({})).toEqual(DEFAULT_LOG);
    expect(await http("/v2/logging")).toEqual([200, DEFAULT_LOG]);
  });

  it.each<[Record<string, boolean | number | string>, status, string]>([
    [{ log_info: 5 }, status.INVALID_ARGUMENT, "expect boolean for 'log_info'"],
    [{ log_verbose_level: "x" }, status.INVALID_ARGUMENT, "expect int32 for 'log_verbose_level'"],
    [{ log_format: true }, status.INVALID_ARGUMENT, "expect string for 'log_format'"],
    [{ log_format: "zz" }, status.INVALID_ARGUMENT, "invalid argument for log_format, got: zz"],
    [
      { log_file: "/x" },
      status.UNIMPLEMENTED,
      "log file location can not be updated through network protocol",
    ],
  ])("are refused over gRPC: %j", async (settings, code, details) => {
    await expect(log(settings)).rejects.toMatchObject({ code, details });
    expect(await log({})).toEqual(DEFAULT_LOG);
  });

  it.each<[object, number, string]>([
    [{ log_info: "x" }, 500, "attempt to access JSON non-boolean as boolean"],
    [{ log_verbose_level: -1 }, 500, "attempt to access JSON non-unsigned-integer as unsigned-integer"],
    [{ log_format: "zz" }, 503, "invalid argument for --log_format, got: zz"],
    [{ log_format: 5 }, 500, "attempt to access JSON non-string as string"],
    [{ log_file: "/x" }, 501, "log file location can not be updated through network protocol"],
  ])("are refused over HTTP: %j", async (settings, code, error) => {
    expect(await http("/v2/logging", settings)).toEqual([code, { error }]);
    expect(await http("/v2/logging", { log_warning: null })).toEqual([200, DEFAULT_LOG]);
  });

  it("change what is logged, and how", async () => {
    lines.length = 0;
    await tiny.infer("net", { id: "quiet" });
    expect(lines).toEqual([]);
    expect(await log({ log_verbose_level: 1, log_format: "ISO8601" })).toMatchObject({
      log_verbose_level: 1,
    });
    await tiny.infer("net", { id: "loud" });
    expect(lines).toEqual([
      expect.stringMatching(
        /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ I \d+ strainflow\] "request 'loud' for model 'net'/,
      ),
    ]);
    await log({ log_format: "default" });
    await tiny.infer("net", { id: "loud" });
    expect(lines[1]).toMatch(/^I\d{4} \d\d:\d\d:\d\d\.\d{6} \d+ strainflow\] /);
    await log({ log_verbose_level: 0 });
    await tiny.infer("net", { id: "silenced" });
    expect(lines.length).toBe(2);
    expect(await log({})).toEqual(DEFAULT_LOG);
  });
});
