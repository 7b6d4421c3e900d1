import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { connect } from "@strainflow/triton";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { describeTriton, tritonHome } from "../../../test/support/real-triton.ts";
import { type LaunchedServer, launch } from "./launch.ts";
import type { TritonLaunch } from "./launch-options.ts";
import { choosePorts } from "./server-ports.ts";
import type { ServerEvent } from "./supervise.ts";
import { writeIdentity } from "./testing/identity-repository.ts";
import { isAlive, processesWith } from "./testing/processes.ts";
import { writeProgram, writeTriton } from "./testing/stand-ins.ts";

const folder = mkdtempSync(join(tmpdir(), "strainflow-launch-"));
const models = join(folder, "models");
const python = tritonHome ?? "";

beforeAll(() => writeIdentity(models));
afterAll(() => rmSync(folder, { recursive: true }));

const servers: LaunchedServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function launched(options: Partial<TritonLaunch> = {}): Promise<LaunchedServer> {
  const server = await launch({
    runtime: "triton",
    repository: models,
    python,
    stopTimeoutMs: 0,
    ...options,
  });
  servers.push(server);
  return server;
}

/** Has a tensor go through the model, and gives what the server calls itself. */
async function inferred(address: string): Promise<string> {
  const client = await connect(address);
  try {
    const data = Float32Array.of(1, -2, 3e-30, 4);
    const response = await client.infer("identity", {
      id: "1",
      inputs: { x: { datatype: "FP32", shape: [4], data } },
    });
    expect(response.outputs["y"]?.data).toEqual(data);
    return client.server.name;
  } finally {
    client.close();
  }
}

const sharedMemory = (id: string): string[] => readdirSync("/dev/shm").filter((name) => name.startsWith(id));

/** Everything that there is of a server: processes, among them its models', its scratch folder, its shared memory. */
function tracesOf(id: string): { processes: string[]; scratch: string; memory: string[] } {
  const processes = processesWith(id);
  const scratch = /--backend-directory=(\S+)\/backends/.exec(processes.join("\n"))?.[1] ?? "";
  return { processes, scratch, memory: sharedMemory(id) };
}

async function expectNothingLeft(id: string, scratch: string): Promise<void> {
  await expect.poll(() => processesWith(id), { timeout: 20_000 }).toEqual([]);
  await expect.poll(() => existsSync(scratch), { timeout: 5000 }).toBe(false);
  await expect.poll(() => sharedMemory(id), { timeout: 5000 }).toEqual([]);
}

describeTriton("a Triton from a Python environment", () => {
  it("serves on three ports of its own, and leaves nothing", async () => {
    const log = join(folder, "triton.log");
    const server = await launched({ log, stopTimeoutMs: 20_000 });
    const id = await inferred(server.address);
    const { processes, scratch, memory } = tracesOf(id);
    // The keeper, the server, and the two processes of the model.
    expect(processes).toHaveLength(4);
    expect(processes.some((line) => line.trim().startsWith(`${server.pid} `))).toBe(true);
    expect(existsSync(scratch)).toBe(true);
    expect(memory).not.toEqual([]);
    expect(await (await fetch(`${server.httpAddress}/v2`)).json()).toMatchObject({ name: id });
    expect(await (await fetch(server.metricsAddress ?? "")).text()).toMatch(
      /nv_inference_request_success\{model="identity",version="1"\} 1/,
    );
    await server.ready();

    await server.close();
    expect(await server.exited).toMatchObject({ code: 0 });
    expect(tracesOf(id)).toEqual({ processes: [], scratch: "", memory: [] });
    expect(existsSync(scratch)).toBe(false);
    expect(readFileSync(log, "utf8")).toMatch(/successfully unloaded 'identity'/);
  });

  it("has no HTTP and no metrics where none are wanted, the GPUs that it is given, and its own environment", async () => {
    const server = await launched({
      httpPort: false,
      metricsPort: false,
      gpus: [],
      env: { STRAINFLOW_WORD: "a, b" },
      serverArgs: ["--log-verbose=0", "--model-control-mode=explicit", "--load-model=identity"],
    });
    expect(server.httpAddress).toBeUndefined();
    expect(server.metricsAddress).toBeUndefined();
    await inferred(server.address);
    const environment = readFileSync(`/proc/${server.pid}/environ`, "utf8").split("\0");
    expect(environment).toEqual(expect.arrayContaining(["CUDA_VISIBLE_DEVICES=", "STRAINFLOW_WORD=a, b"]));
    expect(readFileSync(`/proc/${server.pid}/cmdline`, "utf8")).toContain("--load-model=identity");
  });

  it("that is killed is started again on its ports, which `ready` waits for", async () => {
    const events: ServerEvent[] = [];
    const server = await launched({
      supervise: { firstPauseMs: 20 },
      onEvent: (event) => events.push(event),
    });
    const first = await inferred(server.address);
    process.kill(server.pid, "SIGKILL");
    await server.ready();
    const second = await inferred(server.address);
    expect(second).not.toBe(first);
    expect(processesWith(first)).toEqual([]);
    expect(sharedMemory(first)).toEqual([]);
    expect(events.map(({ kind }) => kind)).toEqual(["died", "restarting", "ready"]);
  });

  it("ends when its launcher is killed, or interrupted", async () => {
    await Promise.all([endsWithLauncher("SIGKILL"), endsWithLauncher("SIGINT")]);
  });

  async function endsWithLauncher(signal: "SIGKILL" | "SIGINT"): Promise<void> {
    const script = join(folder, `launcher-${signal}.mjs`);
    const options = { runtime: "triton", repository: models, python };
    writeFileSync(
      script,
      `import { launch } from ${JSON.stringify(new URL("../dist/index.js", import.meta.url).href)};
       const server = await launch(${JSON.stringify(options)});
       console.log(server.address);`,
    );
    const launcher = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "inherit"] });
    const address = await new Promise<string>((resolve) =>
      launcher.stdout.once("data", (line: Buffer) => resolve(line.toString().trim())),
    );
    const id = await inferred(address);
    const { scratch } = tracesOf(id);
    launcher.kill(signal);
    await expectNothingLeft(id, scratch);
  }

  it("ends when its keeper is killed", async () => {
    const server = await launched();
    const id = await inferred(server.address);
    const { processes, scratch } = tracesOf(id);
    const keeper = processes.find((line) => line.includes("keeper.js"));
    process.kill(Number.parseInt(keeper ?? "", 10), "SIGKILL");
    expect(await server.exited).toMatchObject({ signal: "SIGKILL" });
    await expectNothingLeft(id, scratch);
  });

  it("is killed with all of its group when it does not end in order", async () => {
    await writeTriton(folder, python);
    const executable = writeProgram(
      folder,
      "deaf",
      `. "$(dirname "$0")/triton"\ntrap '' TERM\n"$triton" "$@" $more &\nwait`,
    );
    const server = await launched({ executable, stopTimeoutMs: 300 });
    const id = await inferred(server.address);
    await server.close();
    expect(await server.exited).toMatchObject({ signal: "SIGKILL" });
    expect(processesWith(id)).toEqual([]);
  });

  it("that dies while it loads its models tells exit code and reason", async () => {
    const broken = join(folder, "broken");
    writeIdentity(broken, 'raise RuntimeError("no such detector")\n');
    await expect(launched({ repository: broken })).rejects.toMatchObject({
      tag: "launch-failed",
      message: expect.stringMatching(
        /exit code 1.*failed to load 'identity'.*no such detector.*error: creating server/s,
      ),
    });
  });

  it("that is not ready in time is given up, after words on the way", async () => {
    const slow = join(folder, "slow one");
    writeIdentity(slow);
    const events: ServerEvent[] = [];
    await expect(
      launched({
        repository: slow,
        readyTimeoutMs: 2500,
        waitingIntervalMs: 1000,
        onEvent: (event) => events.push(event),
      }),
    ).rejects.toMatchObject({
      tag: "launch-failed",
      message: expect.stringMatching(
        /not ready within 2500 ms \(".*slow one" has a space.*loading: identity:1/s,
      ),
    });
    expect(events).toMatchObject([
      { kind: "waiting", message: expect.stringContaining("1 s of 3 s") },
      { kind: "waiting" },
    ]);
    expect(processesWith(slow)).toEqual([]);
  });

  it("is not taken for another that is ready on its port", async () => {
    const other = await launched();
    const port = Number(other.address.split(":")[1]);
    await expect(launched({ grpcPort: port })).rejects.toMatchObject({
      tag: "launch-port-taken",
      message: expect.stringContaining(`grpc port ${port}`),
    });
    // One that takes it after it was seen to be free: the program, in place of Triton, only waits.
    const { grpc: freed } = await choosePorts("127.0.0.1", { grpc: 0, http: false, metrics: false });
    const executable = writeProgram(folder, "sleeper", "exec sleep 600");
    const late = launched({ executable, grpcPort: freed, readyTimeoutMs: 30_000 });
    await Promise.all([
      expect(late).rejects.toMatchObject({
        tag: "launch-failed",
        message: expect.stringMatching(/another server answers at .*calls itself "strainflow-.*ours is/),
      }),
      pause(500).then(() => launched({ grpcPort: freed })),
    ]);
    expect(isAlive(other.pid)).toBe(true);
  });
});
