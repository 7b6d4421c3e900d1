import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { buildModel } from "../add-model.ts";
import { createRepository, type ModelRepository } from "../repository.ts";
import { type ExportOptions, exportNetwork } from "./export-network.ts";

const STAND_IN = resolve(import.meta.dirname, "../testing/stand-in");
const venv = resolve(import.meta.dirname, "../../../../.cache/venv/bin/python");
const python = process.env["STRAINFLOW_PYTHON"] ?? (existsSync(venv) ? venv : undefined);
const suite = describe.skipIf(python === undefined && process.env["STRAINFLOW_REQUIRE"] !== "all");

/** Every file of a folder and its contents. */
async function contentsOf(folder: string): Promise<Readonly<Record<string, string>>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(
    await Promise.all(files.map(async (file) => [file, (await readFile(file)).toString("base64")] as const)),
  );
}

suite("an export (needs the Python environment of the tests)", () => {
  let folder = "";
  let repository: ModelRepository;
  const before = { ...process.env };
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "strainflow-exports-"));
    repository = await createRepository(join(folder, "models"));
    await mkdir(join(folder, "tmp"));
    Object.assign(process.env, { PYTHONPATH: STAND_IN, TMPDIR: join(folder, "tmp") });
  });
  afterEach(async () => {
    for (const name of ["PYTHONPATH", "TMPDIR"]) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
    await rm(folder, { recursive: true, force: true });
  });

  const run = (network: string, more: Partial<ExportOptions> = {}) =>
    exportNetwork({
      repository,
      name: "net",
      framework: "torch",
      network,
      inputs: [{ name: "strain", shape: [-1, 2, 64] }],
      python: python ?? "python3",
      cwd: folder,
      timeoutMs: 60_000,
      ...more,
    });

  test("publishes what came out, with the configuration that follows from it", async () => {
    const said: string[] = [];
    const { version, platform, compared, versions } = await run("networks:good", {
      outputs: ["score"],
      onOutput: (text) => said.push(text),
    });
    expect({ version, platform, versions }).toMatchObject({
      version: 1,
      platform: "onnxruntime_onnx",
      versions: { torch: "0.0.0+stand-in" },
    });
    expect(compared).toMatchObject({ requests: 3, values: (2 + 1 + 3) * 2 * 64 });
    expect(compared.largest).toBeLessThan(1e-6);
    expect(said.join("")).toContain("the network talks");
    expect(await repository.store.files("net")).toEqual(["1/model.onnx", "config.pbtxt"]);
    const { input, output, maxBatchSize } = await repository.config("net");
    expect([input[0]?.name, input[0]?.dims, maxBatchSize]).toEqual(["strain", [-1n, 2n, 64n], 0]);
    expect([output[0]?.name, output[0]?.dims]).toEqual(["score", [-1n, 2n, 64n]]);
    expect(await repository.verify()).toEqual([]);
  });

  test("takes a network that is one already, its weights, other types and a fixed batch", async () => {
    await run("networks:ready", { name: "ready" });
    await run("networks:Affine", { name: "weighted", weights: "weights.pt" });
    await run("networks:good", { name: "fixed", inputs: [{ name: "x", datatype: "FP64", shape: [4, 8] }] });
    await run("networks:good", { name: "batched", maxBatchSize: 16 });
    expect((await repository.config("fixed")).input[0]?.dims).toEqual([4n, 8n]);
    const batched = await repository.config("batched");
    expect([batched.maxBatchSize, batched.input[0]?.dims]).toEqual([16, [2n, 64n]]);
    const [plain, weighted] = await Promise.all([
      repository.read("ready", "1/model.onnx"),
      repository.read("weighted", "1/model.onnx"),
    ]);
    expect(Buffer.compare(plain, weighted)).not.toBe(0);
  });

  test("adds a version where the tensors are the same, and refuses where they are not", async () => {
    await run("networks:good");
    expect(await run("networks:ready", { publish: "version" })).toMatchObject({ version: 2 });
    expect(await repository.versions("net")).toEqual([1, 2]);
    await expect(
      run("networks:good", { publish: "version", inputs: [{ name: "strain", shape: [-1, 3, 64] }] }),
    ).rejects.toMatchObject({ tag: "export-mismatch" });
    expect(await repository.versions("net")).toEqual([1, 2]);
    await expect(run("networks:good")).rejects.toMatchObject({ tag: "model-exists" });
    await run("networks:good", { publish: "replace" });
    expect(await repository.versions("net")).toEqual([1]);
  });

  test.each<[string, string, Partial<ExportOptions>, string, RegExp]>([
    [
      "writes other numbers",
      "networks:liar",
      {},
      "export-mismatch",
      /output output differs in \d+ of 256 values/,
    ],
    ["draws random numbers", "networks:Random", {}, "export-mismatch", /does not give the same twice/],
    ["gives nothing but NaN", "networks:Empty", {}, "export-mismatch", /no finite value/],
    ["gives other shapes than its export", "networks:Wide", {}, "export-mismatch", /once exported/],
    ["cannot be exported", "networks:Crashing", {}, "export-failed", /ValueError: this operator/],
    [
      "ends the process",
      "networks:Leaving",
      {},
      "export-failed",
      /status 139; its last words:\n.*segmentation/s,
    ],
    ["takes too long", "networks:Hanging", { timeoutMs: 2500 }, "export-failed", /longer than 2.5 s/],
    ["is not there", "nowhere:net", {}, "export-failed", /no module nowhere/],
    ["is not in its module", "networks:nothing", {}, "export-failed", /has no nothing/],
    ["is none", "networks:not_a_network", {}, "export-failed", /neither a network nor/],
    ["is a pickle of code", "whole.pt", {}, "export-failed", /--trust-pickle/],
    ["is only weights", "weights.pt", {}, "export-failed", /holds weights/],
    ["has more outputs than names", "networks:good", { outputs: ["a", "b"] }, "export-failed", /2 are named/],
    [
      "needs Keras, which is not there",
      "model.keras",
      { framework: "keras" },
      "export-unavailable",
      /-m pip install keras tensorflow/,
    ],
  ])("of a network that %s changes nothing", async (_what, network, more, tag, text) => {
    await repository.add(
      await buildModel({
        name: "net",
        platform: "openvino",
        source: { "model.xml": "what was there" },
        inputs: [],
        outputs: [],
      }),
    );
    const was = await contentsOf(join(folder, "models"));
    const publish = network.length % 2 === 0 ? "replace" : "version";
    const error: unknown = await run(network, { ...more, publish }).catch((e: unknown) => e);
    expect(error).toMatchObject({ tag, message: expect.stringMatching(text) });
    expect(String(error)).not.toContain("\n  File ");
    expect(await contentsOf(join(folder, "models"))).toEqual(was);
    expect(await repository.list()).toEqual(["net"]);
    expect(await readdir(join(folder, "tmp"))).toEqual([]);
    if (network.includes("Hanging")) {
      const pid = Number(await readFile(join(folder, "pid"), "utf8"));
      expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
    }
  });

  test("says which command installs a framework that is missing, and where there is no Python", async () => {
    delete process.env["PYTHONPATH"];
    await expect(run("networks:good")).rejects.toMatchObject({
      tag: "export-unavailable",
      message: expect.stringMatching(/-m pip install torch onnx onnxscript onnxruntime$/),
    });
    await expect(run("networks:good", { python: "/no/such/python" })).rejects.toMatchObject({
      tag: "export-unavailable",
    });
    expect(await repository.list()).toEqual([]);
  });

  test("stops when it is told to", async () => {
    const stop = new AbortController();
    const started = run("networks:Hanging", { signal: stop.signal, onOutput: () => stop.abort() });
    await expect(started).rejects.toThrow(/abort/);
    expect(await repository.list()).toEqual([]);
  });

  test.each(["../outside", "/etc/net", ".hidden", "a/b", "%2e%2e"])(
    "never leaves the repository by the name %j",
    async (name) => {
      await expect(run("networks:good", { name })).rejects.toMatchObject({ tag: "bad-model-name" });
      expect(await readdir(folder)).toEqual(["models", "tmp"]);
    },
  );
});
