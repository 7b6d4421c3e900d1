import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { buildModel } from "../add-model.ts";
import { createGraph } from "../onnx/graph.ts";
import { createRepository, type ModelRepository } from "../repository.ts";
import { checkPlans, computeCapabilities, requirePlans } from "./check-plans.ts";
import { convertToTensorRt, type TensorRtOptions } from "./convert-to-tensorrt.ts";
import { readBuildFacts } from "./plan-facts.ts";

/** Stands in for trtexec, docker and apptainer: writes down its arguments, then does what its environment says. */
const STAND_IN = `#!${process.execPath}
const fs = require("node:fs");
const args = process.argv.slice(2);
fs.appendFileSync(process.env.TRTEXEC_LOG, JSON.stringify(args) + "\\n");
if (process.env.TRTEXEC_DOES === "hang" && args[0] !== "kill") setInterval(() => {}, 1000);
else if (args[0] !== "kill") {
  console.log("&&&& RUNNING TensorRT.trtexec [TensorRT v100700] # trtexec");
  console.log("[I] Selected Device: NVIDIA H200\\n[I] Compute Capability: 9.0");
  if (process.env.TRTEXEC_DOES === "fail") {
    console.log("[E] Error[4]: operator Frobnicate is not supported\\n" + "noise\\n".repeat(20));
    process.exit(1);
  }
  const folder = args.find((a) => a.endsWith(":/work"))?.slice(0, -6);
  const at = (flag) => args.find((a) => a.startsWith(flag)).slice(flag.length).replace(/^\\/work/, folder ?? "/work");
  fs.writeFileSync(at("--saveEngine="), "plan of " + fs.readFileSync(at("--onnx=")).length + " bytes");
}
`;

const before = { ...process.env };
let folder = "";
let repository: ModelRepository;
let trtexec = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "strainflow-trt-"));
  trtexec = join(folder, "trtexec");
  await writeFile(trtexec, STAND_IN);
  await chmod(trtexec, 0o755);
  await mkdir(join(folder, "tmp"));
  Object.assign(process.env, { TRTEXEC_LOG: join(folder, "log"), TMPDIR: join(folder, "tmp") });
  delete process.env["TRTEXEC_DOES"];
  repository = await createRepository(join(folder, "models"));
  const graph = createGraph("net");
  const x = graph.input("x:0", "FP32", ["batch", 2, 64]);
  graph.output("y", graph.op("Relu", [x]), "FP32", ["batch", 2, 64]);
  await repository.add(
    await buildModel({ name: "net", platform: "onnxruntime_onnx", source: graph.toBytes() }),
  );
});
afterEach(async () => {
  for (const name of ["TRTEXEC_LOG", "TRTEXEC_DOES", "TMPDIR"]) {
    if (before[name] === undefined) delete process.env[name];
    else process.env[name] = before[name];
  }
  await rm(folder, { recursive: true, force: true });
});

const calls = async (): Promise<string[][]> =>
  (await readFile(join(folder, "log"), "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as string[]);
const convert = (more: Partial<TensorRtOptions> = {}) =>
  convertToTensorRt({ repository, model: "net", trtexec, batch: { max: 64 }, ...more });

describe("a conversion to TensorRT (a stand-in for trtexec)", () => {
  test("asks for the shapes of the configuration, and records what built the plan", async () => {
    const plan = await convert({
      batch: { opt: 16, max: 64 },
      precision: "fp16",
      workspaceSize: 2048,
      maxBatchSize: 64,
    });
    expect(plan).toMatchObject({
      name: "net-tensorrt",
      tensorrtVersion: "10.7.0",
      computeCapability: "9.0",
      gpu: "NVIDIA H200",
    });
    const [args = []] = await calls();
    expect(args.slice(2)).toEqual([
      "--minShapes='x:0':1x2x64",
      "--optShapes='x:0':16x2x64",
      "--maxShapes='x:0':64x2x64",
      "--fp16",
      "--memPoolSize=workspace:2048",
      "--device=0",
      "--skipInference",
    ]);
    const config = await repository.config("net-tensorrt");
    expect([config.platform, config.maxBatchSize, config.input[0]?.dims]).toEqual([
      "tensorrt_plan",
      64,
      [2n, 64n],
    ]);
    expect(config.parameters["strainflow.tensorrt_version"]?.stringValue).toBe("10.7.0");
    expect(new TextDecoder().decode(await repository.read("net-tensorrt", "1/model.plan"))).toMatch(
      /^plan of \d+ bytes$/,
    );
    expect(await readdir(join(folder, "tmp"))).toEqual([]);
  });

  test("runs in a container of either engine, which sees one folder", async () => {
    await convert({
      name: "a",
      device: 3,
      trtexec: { engine: "docker", image: "triton:1", command: trtexec },
    });
    await convert({
      name: "b",
      device: 3,
      trtexec: { engine: "apptainer", image: "triton.sif", command: trtexec },
    });
    const [docker = [], apptainer = []] = await calls();
    expect(docker.slice(0, 3)).toEqual(["run", "--rm", "--name"]);
    expect(docker).toEqual(
      expect.arrayContaining([
        "--gpus",
        "device=3",
        "triton:1",
        "/usr/src/tensorrt/bin/trtexec",
        "--onnx=/work/model.onnx",
        "--device=0",
      ]),
    );
    expect(apptainer.slice(0, 3)).toEqual(["exec", "--nv", "--bind"]);
    expect(apptainer).toEqual(
      expect.arrayContaining(["triton.sif", "--saveEngine=/work/model.plan", "--device=3"]),
    );
    expect(await repository.list()).toEqual(["a", "b", "net"]);
  });

  test.each<[string, Partial<TensorRtOptions>, string, RegExp]>([
    ["fail", {}, "export-failed", /status 1.*operator Frobnicate is not supported$/s],
    ["hang", { timeoutMs: 700 }, "export-failed", /longer than 0.7 s/],
    ["", { trtexec: "/no/such/trtexec" }, "export-unavailable", /give the path of trtexec/],
    ["", { trtexec: "/bin/true" }, "export-failed", /which TensorRT and which GPU/],
    ["", { model: "nope" }, "no-model", /nope/],
    ["", { name: "../x" }, "bad-model-name", /cannot be the name/],
    ["", { name: "net" }, "model-exists", /already/],
    ["", { shapes: { y: { min: [1], opt: [1], max: [1] } } }, "invalid-option", /of inputs: x:0/],
    [
      "",
      { shapes: { "x:0": { min: [1, 2, 64], opt: [9, 2, 64], max: [8, 2, 64] } } },
      "invalid-option",
      /min ≤ opt ≤ max/,
    ],
    ["", { batch: { max: 0 } }, "invalid-option", /batch/],
  ])("that cannot be done (%s %j) changes nothing", async (does, more, tag, text) => {
    process.env["TRTEXEC_DOES"] = does;
    await expect(convert(more)).rejects.toMatchObject({ tag, message: expect.stringMatching(text) });
    expect(await repository.list()).toEqual(["net"]);
    expect(await readdir(join(folder, "models"))).toEqual(["net"]);
  });

  test("that hangs in Docker takes its container with it", async () => {
    process.env["TRTEXEC_DOES"] = "hang";
    await expect(
      convert({ timeoutMs: 700, trtexec: { engine: "docker", image: "triton:1", command: trtexec } }),
    ).rejects.toMatchObject({ tag: "export-failed" });
    const [run = [], kill = []] = await calls();
    expect(kill).toEqual(["kill", run[3]]);
  });
});

describe("a plan is checked before it is served", () => {
  test.each<[string, Partial<TensorRtOptions>, string | undefined, string[], number]>([
    ["its own like", {}, "10.7.0", ["9.0"], 0],
    ["an unknown TensorRT", {}, undefined, ["9.0"], 0],
    ["another TensorRT", {}, "10.8.0", ["9.0"], 1],
    ["a later TensorRT, as it was asked to be fit for", { versionCompatible: true }, "10.8.0", ["9.0"], 0],
    ["an earlier TensorRT nevertheless", { versionCompatible: true }, "10.3.0", ["9.0"], 1],
    ["a TensorRT of another major version", { versionCompatible: true }, "11.0.0", ["9.0"], 1],
    ["another GPU", {}, "10.7.0", ["9.0", "8.6"], 1],
    ["another GPU, as it was asked to be fit for", { hardwareCompatible: true }, "10.7.0", ["8.6"], 0],
    ["a GPU before Ampere nevertheless", { hardwareCompatible: true }, "10.7.0", ["7.5"], 1],
    ["nothing that it knows", {}, "8.6.1", ["7.5"], 2],
  ])("on %s", async (_what, options, tensorrtVersion, computeCapabilities, count) => {
    await convert(options);
    const host = { computeCapabilities, ...(tensorrtVersion === undefined ? {} : { tensorrtVersion }) };
    expect((await checkPlans(repository, host)).map(({ severity }) => severity)).toEqual(
      Array(count).fill("error"),
    );
    const required = requirePlans(repository, host);
    if (count === 0) await required;
    else await expect(required).rejects.toMatchObject({ tag: "plan-mismatch" });
  });

  test("and warned of when nobody knows what built it", async () => {
    const tensor = { type: "FP32" as const, shape: [1] };
    const plan = {
      source: Uint8Array.of(1),
      inputs: [{ ...tensor, name: "x" }],
      outputs: [{ ...tensor, name: "y" }],
    };
    await repository.add(await buildModel({ name: "old", platform: "tensorrt_plan", ...plan }));
    expect(await checkPlans(repository, { computeCapabilities: ["9.0"] })).toMatchObject([
      { model: "old", severity: "warning" },
    ]);
  });

  test("against the GPUs that the driver tells of", async () => {
    const smi = join(folder, "nvidia-smi");
    await writeFile(smi, "#!/bin/sh\necho 0, GPU-1a2b-3c, 9.0\necho 1, GPU-4d5e-6f, 8.6\n");
    await chmod(smi, 0o755);
    expect(await computeCapabilities({ nvidiaSmi: smi })).toEqual(["9.0", "8.6"]);
    expect(await computeCapabilities({ nvidiaSmi: smi, devices: [1] })).toEqual(["8.6"]);
    expect(await computeCapabilities({ nvidiaSmi: smi, devices: ["GPU-1a2b"] })).toEqual(["9.0"]);
    expect(await computeCapabilities({ nvidiaSmi: smi, devices: [] })).toEqual([]);
    expect(await computeCapabilities({ nvidiaSmi: join(folder, "none") })).toEqual([]);
    await writeFile(smi, "#!/bin/sh\necho no driver; exit 9\n");
    await expect(computeCapabilities({ nvidiaSmi: smi })).rejects.toThrow(/status 9: no driver/);
  });

  test.each([
    ["&&&& RUNNING TensorRT.trtexec [TensorRT v8601] # x\n[I] Compute Capability: 8.6", "8.6.1"],
    ["&&&& RUNNING TensorRT.trtexec [TensorRT v100300] # x\n[I] Compute Capability: 8.6", "10.3.0"],
    ["[I] Compute Capability: 8.6\n[I] TensorRT version: 10.16.2", "10.16.2"],
  ])("by the version in %j", (said, version) => {
    expect(readBuildFacts("net", said).tensorrtVersion).toBe(version);
  });
});
