import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "@strainflow/triton";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeTriton, tritonHome } from "../../../test/support/real-triton.ts";
import { launch } from "./launch.ts";
import { writeIdentity } from "./testing/identity-repository.ts";
import { processesWith } from "./testing/processes.ts";
import {
  APPTAINER,
  DOCKER,
  recordedCalls,
  recordedEnvironment,
  writeProgram,
  writeTriton,
} from "./testing/stand-ins.ts";

const folder = mkdtempSync(join(tmpdir(), "strainflow-launch-"));
// A comma in a path must not become the end of a field of what is mounted.
const models = join(folder, "models,O4");

describeTriton("a Triton in a container, whose engine is a stand-in", () => {
  beforeAll(async () => {
    writeIdentity(models);
    await writeTriton(folder, tritonHome ?? "");
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  async function identityOf(address: string): Promise<string> {
    const client = await connect(address);
    try {
      const data = Float32Array.of(1, 2, 3, 4);
      const { outputs } = await client.infer("identity", {
        id: "1",
        inputs: { x: { datatype: "FP32", shape: [4], data } },
      });
      expect(outputs["y"]?.data).toEqual(data);
      return client.server.name;
    } finally {
      client.close();
    }
  }

  it("of Apptainer serves on the machine's ports, with GPUs, repository and environment handed in", async () => {
    process.env["CUDA_VISIBLE_DEVICES"] = "4,2,6";
    try {
      await using server = await launch({
        runtime: "apptainer",
        repository: models,
        image: "docker://nvcr.io/nvidia/tritonserver:24.10-py3",
        engine: writeProgram(folder, "apptainer", APPTAINER),
        engineArgs: ["--no-home"],
        gpus: [1, 2],
        env: { AWS_SECRET_ACCESS_KEY: "not, for others" },
        serverArgs: ["--log-verbose=0"],
        stopTimeoutMs: 0,
      });
      const id = await identityOf(server.address);
      const port = server.address.split(":")[1];
      const [call] = recordedCalls(join(folder, "apptainer.args"));
      expect(call?.slice(0, call.indexOf("tritonserver") + 1)).toEqual([
        "exec",
        "--cleanenv",
        "--nv",
        "--mount",
        `type=bind,"source=${models}","target=${models}",ro`,
        "--no-home",
        "docker://nvcr.io/nvidia/tritonserver:24.10-py3",
        "tritonserver",
      ]);
      expect(call).toEqual(
        expect.arrayContaining([`--model-repository=${models}`, `--id=${id}`, `--grpc-port=${port}`]),
      );
      expect(call?.join("\n")).not.toContain("not, for others");
      expect(recordedEnvironment(join(folder, "apptainer.env"))).toMatchObject({
        APPTAINERENV_CUDA_VISIBLE_DEVICES: "2,6",
        SINGULARITYENV_CUDA_VISIBLE_DEVICES: "2,6",
        APPTAINERENV_AWS_SECRET_ACCESS_KEY: "not, for others",
        APPTAINERENV_PYTHONNOUSERSITE: "1",
      });
      await server.close();
      expect(processesWith(id)).toEqual([]);
    } finally {
      delete process.env["CUDA_VISIBLE_DEVICES"];
    }
  });

  it("of Docker serves on published ports, and its container is removed, also from a client that is killed", async () => {
    const engine = writeProgram(folder, "docker", DOCKER);
    const server = await launch({
      runtime: "docker",
      repository: models,
      image: "nvcr.io/nvidia/tritonserver:24.10-py3",
      engine,
      gpus: [0, 3],
      env: { AWS_SECRET_ACCESS_KEY: "not for others", PATH: "/inside/bin" },
      supervise: { firstPauseMs: 20 },
      stopTimeoutMs: 20_000,
    });
    const first = await identityOf(server.address);
    const [host, port] = server.address.split(":");
    const [call] = recordedCalls(join(folder, "docker.args"));
    expect(call?.slice(0, call.indexOf("tritonserver"))).toEqual([
      "run",
      "--rm",
      `--name=${first}`,
      "--shm-size=1g",
      `--publish=${host}:${port}:8001`,
      expect.stringMatching(/^--publish=127\.0\.0\.1:\d+:8000$/),
      expect.stringMatching(/^--publish=127\.0\.0\.1:\d+:8002$/),
      '--gpus="device=0,3"',
      "--env=PYTHONNOUSERSITE",
      "--env=AWS_SECRET_ACCESS_KEY",
      "--env=PATH=/inside/bin",
      "--mount",
      `type=bind,"source=${models}","target=${models}",readonly`,
      "nvcr.io/nvidia/tritonserver:24.10-py3",
    ]);
    expect(recordedEnvironment(join(folder, "docker.env"))["AWS_SECRET_ACCESS_KEY"]).toBe("not for others");
    expect(call?.join("\n")).not.toContain("not for others");
    expect(await (await fetch(server.metricsAddress ?? "")).text()).toContain("nv_inference_count");

    process.kill(server.pid, "SIGKILL");
    await expect.poll(() => server.restarts, { timeout: 30_000 }).toBe(1);
    const second = await identityOf(server.address);
    expect(second).not.toBe(first);
    expect(recordedCalls(join(folder, "docker.args"))[1]).toEqual(["rm", "--force", first]);
    expect(processesWith(first)).toEqual([]);

    await server.close();
    expect(await server.exited).toMatchObject({ code: 0 });
    expect(recordedCalls(join(folder, "docker.args")).at(-1)).toEqual(["rm", "--force", second]);
    expect(processesWith(second)).toEqual([]);
    expect(readFileSync(join(folder, `${second}.pid`), "utf8")).not.toBe("");
  });
});
