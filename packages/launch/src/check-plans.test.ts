import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkPlans } from "./check-plans.ts";
import { launch } from "./launch.ts";
import type { ApptainerLaunch, DockerLaunch, TritonLaunch } from "./launch-options.ts";
import { recordedCalls, writeProgram } from "./testing/stand-ins.ts";

let folder = "";
let models = "";
let path: string | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "strainflow-plans-"));
  models = join(folder, "models");
  path = process.env["PATH"];
  process.env["PATH"] = `${folder}${delimiter}${path}`;
  writeProgram(folder, "nvidia-smi", "echo '0, GPU-1a2b-3c, 9.0'\necho '1, GPU-4d5e-6f, 8.6'\n");
});
afterEach(() => {
  process.env["PATH"] = path;
  delete process.env["CUDA_VISIBLE_DEVICES"];
  delete process.env["TRT_VERSION"];
  rmSync(folder, { recursive: true });
});

function addModel(
  name: string,
  platform: string,
  built?: { readonly by: string; readonly on: string },
): void {
  mkdirSync(join(models, name), { recursive: true });
  const parameter = (key: string, value: string): string =>
    `parameters { key: "strainflow.${key}" value: { string_value: "${value}" } }\n`;
  const facts =
    built === undefined
      ? ""
      : parameter("tensorrt_version", built.by) + parameter("compute_capability", built.on);
  writeFileSync(join(models, name, "config.pbtxt"), `name: "${name}"\nplatform: "${platform}"\n${facts}`);
}

/** Says its TensorRT as NVIDIA's images do, with more around it, and ends with status 3 where it is to serve. */
const ENGINE = `
printf '%s\\n' "$@" "" >> "$(dirname "$0")/engine.args"
for last; do true; done
if [ "$last" = TRT_VERSION ]; then echo '== Triton =='; echo 10.5.0.18; exit; fi
echo "E not a server"; exit 3
`;

const docker = (more: Partial<DockerLaunch> = {}): DockerLaunch => ({
  runtime: "docker",
  repository: models,
  image: "tritonserver:24.10",
  engine: writeProgram(folder, "engine", ENGINE),
  ...more,
});

describe("TensorRT plans, before a Triton is started for them", () => {
  it.each([
    ["docker", ["run", "--rm", "--name=asked", "tritonserver:24.10", "printenv", "TRT_VERSION"]],
    ["apptainer", ["exec", "--cleanenv", "docker://tritonserver:24.10", "printenv", "TRT_VERSION"]],
  ] as const)(
    "are held against the container's TensorRT and this machine's GPUs, %s",
    async (runtime, asked) => {
      addModel("net", "tensorrt_plan", { by: "10.5.0", on: "9.0" });
      addModel("other", "onnxruntime_onnx");
      const warned: string[] = [];
      const check = (more: { readonly gpus?: readonly number[] } = {}): Promise<void> => {
        const options: DockerLaunch | ApptainerLaunch =
          runtime === "docker"
            ? docker(more)
            : { ...docker(more), runtime, image: "docker://tritonserver:24.10" };
        return checkPlans(options, "asked", (text) => warned.push(text), undefined);
      };
      await check({ gpus: [0] });
      expect(recordedCalls(join(folder, "engine.args"))).toEqual([asked]);
      await check();
      expect(warned.splice(0)).toEqual([
        expect.stringMatching(/it is to run on 8\.6; .*GPUs of several kinds \(9\.0, 8\.6\)/),
      ]);
      await expect(check({ gpus: [1] })).rejects.toMatchObject({
        tag: "plan-mismatch",
        message: expect.stringMatching(
          /^net: a GPU of compute capability 9\.0 built it, and it is to run on 8\.6; /,
        ),
      });
      await expect(check({ gpus: [] })).rejects.toThrow(
        /net: TensorRT runs on GPUs, and the server is given none/,
      );
      process.env["CUDA_VISIBLE_DEVICES"] = "GPU-1a2b";
      await check();
      addModel("net", "tensorrt_plan", { by: "10.7.0", on: "9.0" });
      await expect(check()).rejects.toThrow(
        /net: TensorRT 10\.7\.0 built it, and TensorRT 10\.5\.0 is to run it/,
      );
      expect(warned).toEqual([]);
    },
  );

  it("stop a launch, which starts nothing", async () => {
    addModel("net", "tensorrt_plan", { by: "8.6.1", on: "9.0" });
    await expect(launch(docker({ gpus: [0] }))).rejects.toMatchObject({ tag: "plan-mismatch" });
    expect(recordedCalls(join(folder, "engine.args"))).toHaveLength(1);
    await expect(
      launch(docker({ gpus: [0], serverArgs: ["--model-control-mode=explicit"] })),
    ).rejects.toMatchObject({
      tag: "launch-failed",
      message: expect.stringContaining("E not a server"),
    });
  });

  it("whose makers are not known are warned of, and the server is started", async () => {
    addModel("net", "tensorrt_plan");
    const warned: string[] = [];
    const onEvent = (event: { readonly kind: string; readonly message?: string }): void => {
      if (event.kind === "warning") warned.push(event.message ?? "");
    };
    await expect(launch(docker({ gpus: [0], onEvent }))).rejects.toMatchObject({ tag: "launch-failed" });
    expect(warned).toEqual([
      "net: it does not say which TensorRT and GPU built it; convert it with convertToTensorRt",
    ]);
  });

  it("are held against a Triton that is installed here, by its environment or its library", async () => {
    addModel("net", "tensorrt_plan", { by: "10.5.0", on: "9.0" });
    const library = join(folder, "lib");
    const triton: TritonLaunch = {
      runtime: "triton",
      repository: models,
      executable: writeProgram(folder, "tritonserver", ""),
      gpus: [0],
      env: { LD_LIBRARY_PATH: library },
    };
    const warned: string[] = [];
    const check = (): Promise<void> => checkPlans(triton, "asked", (text) => warned.push(text), undefined);
    mkdirSync(library);
    writeFileSync(join(library, "libnvinfer.so.10"), "");
    writeFileSync(join(library, "libnvinfer.so.10.9.0"), "");
    await expect(check()).rejects.toThrow(/TensorRT 10\.9\.0 is to run it/);
    process.env["TRT_VERSION"] = "10.5.0.18+cuda12";
    await check();
    expect(warned).toEqual([]);
    delete process.env["TRT_VERSION"];
    rmSync(library, { recursive: true });
    if (existsSync("/usr/lib/x86_64-linux-gnu/libnvinfer.so.10")) return;
    await check();
    expect(warned).toEqual([
      "whether the TensorRT plans net fit is not known, nor which TensorRT the server has",
    ]);
  });

  it("are left to the server where the driver does not answer", async () => {
    addModel("net", "tensorrt_plan", { by: "10.5.0", on: "9.0" });
    writeProgram(folder, "nvidia-smi", "echo no driver; exit 9\n");
    const warned: string[] = [];
    await checkPlans(docker(), "asked", (text) => warned.push(text), undefined);
    expect(warned).toEqual([
      "whether the TensorRT plans net fit is not known, nor which GPUs there are (nvidia-smi)",
    ]);
  });

  it("in a repository without any, nobody asks a container", async () => {
    addModel("other", "onnxruntime_onnx");
    await checkPlans(docker(), "asked", () => undefined, undefined);
    expect(existsSync(join(folder, "engine.args"))).toBe(false);
  });
});
