import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { Command } from "commander";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { buildDetector, detectorShape } from "../detector.ts";
import { exitCodeOf } from "../exit-code.ts";
import { addModelConvert } from "./model-convert.ts";
import { addModelExport } from "./model-export.ts";
import { addModelPull } from "./model-pull.ts";
import { addModelPush } from "./model-push.ts";

const STAND_IN = resolve(import.meta.dirname, "../../../repository/src/testing/stand-in");
const venv = resolve(import.meta.dirname, "../../../../.cache/venv/bin/python");
const python = process.env["STRAINFLOW_PYTHON"] ?? (existsSync(venv) ? venv : undefined);
const withPython = describe.skipIf(python === undefined && process.env["STRAINFLOW_REQUIRE"] !== "all");

let folder = "";
let models = "";
const before = { ...process.env };
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "strainflow-model-"));
  models = join(folder, "models");
  process.env["PYTHONPATH"] = STAND_IN;
});
afterEach(async () => {
  process.env = { ...before };
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

/** Runs a command in this process; its JSON. */
async function run(...args: string[]): Promise<readonly Record<string, unknown>[]> {
  let stdout = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    stdout += String(text);
    return true;
  });
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const program = new Command("model").exitOverride();
  for (const add of [addModelExport, addModelConvert, addModelPush, addModelPull]) add(program);
  try {
    await program.parseAsync([...args, "--json"], { from: "user" });
  } finally {
    vi.restoreAllMocks();
  }
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

withPython("a trained network (needs the Python environment of the tests)", () => {
  const flags = ["--framework", "torch", "--python", python ?? "python3"];

  test("is exported, converted, pushed and pulled by commands", async () => {
    const inputs = ["--inputs", "strain[-1,2,64]", "--to", models];
    expect(await run("export", "networks:good", ...flags, ...inputs)).toMatchObject([
      { type: "exported", name: "good", version: 1, platform: "onnxruntime_onnx", compared: { requests: 3 } },
    ]);
    await expect(run("export", "networks:good", ...flags, ...inputs)).rejects.toMatchObject({
      tag: "model-exists",
    });
    expect(
      await run("export", "networks:ready", ...flags, ...inputs, "--name", "good", "--new-version"),
    ).toMatchObject([{ version: 2 }]);

    const trtexec = join(folder, "trtexec");
    await writeFile(
      trtexec,
      '#!/bin/sh\necho "[I] Compute Capability: 9.0"\necho "[I] TensorRT version: 10.7.0"\nfor a; do case $a in --saveEngine=*) echo plan > "$(echo $a | cut -d= -f2)";; esac; done\n',
    );
    await chmod(trtexec, 0o755);
    expect(await run("convert", models, "good", "--trtexec", trtexec, "--max-batch", "8")).toMatchObject([
      { type: "converted", name: "good-tensorrt", tensorrtVersion: "10.7.0", computeCapability: "9.0" },
    ]);

    const [there, back] = [join(folder, "there"), join(folder, "back")];
    expect((await run("push", models, there, "good")).at(-1)).toMatchObject({ changed: 1, models: 1 });
    expect((await run("push", models, there)).at(-1)).toMatchObject({ changed: 1, models: 2 });
    expect((await run("pull", there, back, "--dry-run")).at(-1)).toMatchObject({ changed: 2, dryRun: true });
    expect(await readdir(folder)).not.toContain("back");
    await run("pull", there, back);
    expect((await readdir(back, { recursive: true })).sort()).toEqual(
      (await readdir(models, { recursive: true })).sort(),
    );
  });

  test("that does not fit is refused with a status of its own, and the repository stays as it was", async () => {
    const inputs = ["--inputs", "strain[-1,2,64]", "--to", models];
    const wrong = async (...args: string[]): Promise<number> =>
      run("export", ...args).then(
        () => 0,
        (error: unknown) => exitCodeOf(error),
      );
    expect(await wrong("networks:liar", ...flags, ...inputs)).toBe(4);
    expect(await wrong("networks:good", ...flags, "--inputs", "strain[2", "--to", models)).toBe(2);
    expect(await wrong("networks:good", "--inputs", "x[1]", "--to", models)).toBe(2);
    expect(await wrong("networks:good", ...flags, "--inputs", "x[1]", "--to", "s3://no/../bucket")).toBe(2);
    expect(await wrong("networks:good", ...flags, ...inputs, "--replace", "--new-version")).toBe(2);
    await expect(readdir(models)).rejects.toThrow("ENOENT");
  });
});

test("a container of Apptainer is found in the image folder: of the flag, else of the settings", async () => {
  const image = (name: string): string => join(folder, name, "triton.sif");
  for (const name of ["mine", "settings"]) {
    await mkdir(join(folder, name));
    await writeFile(image(name), "");
  }
  const settings = join(folder, "settings.yaml");
  await writeFile(settings, `imageFolder: ${join(folder, "settings")}\n`);
  // Writes down its arguments, and is no TensorRT.
  await writeFile(join(folder, "apptainer"), '#!/bin/sh\necho "$@" > "$0.args"\nexit 1\n');
  await chmod(join(folder, "apptainer"), 0o755);
  process.env["PATH"] = `${folder}${delimiter}${process.env["PATH"]}`;
  await buildDetector(models, detectorShape({ templates: 1 }, ["H1"]));
  const convert = (...args: string[]): Promise<unknown> =>
    run("convert", models, "matched-filter", "--config", settings, ...args);

  await expect(convert("--apptainer", "triton")).rejects.toMatchObject({ tag: "export-failed" });
  expect(await readFile(join(folder, "apptainer.args"), "utf8")).toContain(` ${image("settings")} /usr/`);
  await expect(
    convert("--apptainer", "triton", "--image-folder", join(folder, "mine")),
  ).rejects.toMatchObject({ tag: "export-failed" });
  expect(await readFile(join(folder, "apptainer.args"), "utf8")).toContain(` ${image("mine")} /usr/`);
  await expect(convert("--apptainer", "other")).rejects.toMatchObject({
    tag: "launch-no-image",
    message: expect.stringContaining("settings holds triton.sif"),
  });
});
