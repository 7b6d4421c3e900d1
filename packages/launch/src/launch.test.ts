import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSnapshotter, createRepository } from "@strainflow/repository";
import type { InferCall, InferResponse, StreamingModel } from "@strainflow/series";
import { type ConnectOptions, connect } from "@strainflow/triton";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type LaunchedServer, launch } from "./launch.ts";
import type { EmbeddedLaunch } from "./launch-options.ts";
import type { ServerEvent } from "./supervise.ts";

const CHANNELS = 2;
const STRIDE = 4;
const BATCH = 8;
const SNAPSHOT = 16;
const STREAMING = { sampleRate: 64, channels: ["H1", "L1"] };

const folder = mkdtempSync(join(tmpdir(), "strainflow-launch-"));
beforeAll(async () => {
  const repository = await createRepository(join(folder, "models"));
  const model = buildSnapshotter({
    channels: CHANNELS,
    snapshotSize: SNAPSHOT,
    strideSize: STRIDE,
    batchSize: BATCH,
  });
  await repository.add(model);
});
afterAll(() => rmSync(folder, { recursive: true }));

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function launched(options: Partial<EmbeddedLaunch> = {}): Promise<LaunchedServer> {
  const server = await launch({
    runtime: "embedded",
    repository: join(folder, "models"),
    workers: 1,
    ...options,
  });
  cleanups.push(() => server.close());
  return server;
}

async function snapshotterOf(server: LaunchedServer, options: ConnectOptions) {
  const client = await connect(server.address, options);
  cleanups.push(() => client.close());
  return client.model("snapshotter", { streaming: STREAMING });
}

/** Sample `n` of channel `c` of the stream. */
const sample = (c: number, n: number): number => (n < 0 ? 0 : 1000 * c + (n % 997));

const UPDATE = STRIDE * BATCH;

function update(index: number): Float32Array {
  const data = new Float32Array(CHANNELS * UPDATE);
  for (let i = 0; i < data.length; i++)
    data[i] = sample(Math.floor(i / UPDATE), index * UPDATE + (i % UPDATE));
  return data;
}

/** The snapshots of an update, by their definition: window k holds samples [(k + 1)·S − L, (k + 1)·S). */
function snapshots(index: number, first = 0): Float32Array {
  const out = new Float32Array(BATCH * CHANNELS * SNAPSHOT);
  for (let b = 0, at = 0; b < BATCH; b++)
    for (let c = 0; c < CHANNELS; c++)
      for (let i = 0; i < SNAPSHOT; i++) {
        const n = (index * BATCH + b + 1) * STRIDE - SNAPSHOT + i;
        out[at++] = n < first * UPDATE ? 0 : sample(c, n);
      }
  return out;
}

/** Streams updates one after the other, and gives what came until `count` responses or the loss. */
function stream(
  model: StreamingModel,
  id: bigint | string,
  from: number,
  count: number,
  onResponse?: (n: number) => void,
) {
  return new Promise<{ responses: InferResponse[]; lost?: Error }>((resolve) => {
    const responses: InferResponse[] = [];
    let sent = 0;
    const send = (): void => {
      const data = update(from + sent);
      const sequence = { id, start: sent === 0, end: false };
      call.send({
        id: String(sent++),
        inputs: { snapshot_update: { datatype: "FP32", shape: [1, CHANNELS, UPDATE], data } },
        sequence,
      });
    };
    const call: InferCall = model.open({
      response(response) {
        responses.push(response);
        onResponse?.(responses.length);
        if (responses.length === count) {
          call.cancel();
          resolve({ responses });
        } else if (sent < count) send();
      },
      lost: (lost) => resolve({ responses, lost }),
    });
    for (let i = 0; i < Math.min(4, count); i++) send();
  });
}

describe.each(["frames", "grpc-js"] as const)("the embedded server, launched, over %s", (transport) => {
  it("streams snapshots that equal their definition, in order", async () => {
    const model = await snapshotterOf(await launched(), { transport });
    expect(model.streaming).toMatchObject({
      strideSize: STRIDE,
      batchSize: BATCH,
      memory: SNAPSHOT - STRIDE,
      latency: 0,
    });
    const { responses, lost } = await stream(model, "a sequence", 0, 100);
    expect(lost).toBeUndefined();
    for (const [i, { id, outputs, error }] of responses.entries()) {
      expect(error).toBeUndefined();
      expect(id).toBe(String(i));
      expect(outputs.snapshot?.shape).toEqual([BATCH, CHANNELS, SNAPSHOT]);
      expect(outputs.snapshot?.data).toEqual(snapshots(i));
    }
    // The server ends the sequences of a stream that was given up by itself: whichever comes first, the slot is free.
    expect(await model.endSequence("a sequence")).not.toBe("failed");
    expect(await model.endSequence("a sequence")).toBe("unknown");
  });

  it("comes back on its port after it was killed, and a new sequence there begins anew", async () => {
    const events: ServerEvent[] = [];
    const server = await launched({
      supervise: { firstPauseMs: 20 },
      onEvent: (event) => events.push(event),
    });
    const model = await snapshotterOf(server, { transport });
    const killed = server.pid;
    const first = await stream(model, 11n, 0, 1000, (n) => n === 20 && process.kill(killed, "SIGKILL"));
    expect(first.lost).toMatchObject({
      tag: "stream-lost",
      details: { reason: "transport", sequenceId: 11n, modelName: "snapshotter" },
    });
    expect(first.responses.length).toBeGreaterThanOrEqual(20);
    for (const [i, { outputs }] of first.responses.entries())
      expect(outputs.snapshot?.data).toEqual(snapshots(i));

    const from = first.responses.length - 1;
    const second = await stream(model, 12n, from, 10);
    expect(second.lost).toBeUndefined();
    for (const [i, { outputs }] of second.responses.entries())
      expect(outputs.snapshot?.data).toEqual(snapshots(from + i, from));
    expect(server.pid).not.toBe(killed);
    expect(events.map(({ kind }) => kind)).toEqual(["died", "restarting", "ready"]);
    // The one in its place is where Prometheus looks, too.
    expect(await (await fetch(server.metricsAddress ?? "")).text()).toContain("nv_inference_request_success");
    expect(await model.endSequence(11n)).toBe("unknown");
  });
});

describe("what the embedded server is told", () => {
  it("reaches it: tokens out of a file, lines of JSON, models on request, metrics where they are wanted", async () => {
    const tokenFile = join(folder, "tokens");
    writeFileSync(tokenFile, "read watcher\nadmin operator\n");
    const lines: string[] = [];
    const server = await launched({
      tokenFile,
      modelControl: "explicit",
      logForm: "json",
      metricsPort: false,
      log: (line) => lines.push(line),
    });
    expect(server.metricsAddress).toBeUndefined();
    await server.ready();
    const ask = async (path: string, token?: string, method = "GET"): Promise<number> => {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
      return (await fetch(`${server.httpAddress}/v2/${path}`, { method, headers })).status;
    };
    expect(await ask("models/snapshotter", undefined)).toBe(401);
    expect(await ask("models/snapshotter", "watcher")).toBe(404);
    expect(await ask("repository/models/snapshotter/load", "watcher", "POST")).toBe(403);
    expect(await ask("repository/models/snapshotter/load", "operator", "POST")).toBe(200);
    expect(await ask("models/snapshotter", "watcher")).toBe(200);
    await expect.poll(() => lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ severity: expect.any(String) });
  });
});

describe("the embedded server, launched", () => {
  it("tells why it cannot start", async () => {
    await expect(launched({ repository: join(folder, "nothing") })).rejects.toMatchObject({
      tag: "launch-failed",
      message: expect.stringContaining(join(folder, "nothing")),
    });
  });

  it("ends when its launcher is killed", async () => {
    const script = join(folder, "launcher.mjs");
    writeFileSync(
      script,
      `import { launch } from ${JSON.stringify(new URL("../dist/index.js", import.meta.url).href)};
       const server = await launch({ runtime: "embedded", repository: ${JSON.stringify(join(folder, "models"))}, workers: 1 });
       console.log(server.pid);`,
    );
    const launcher = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "inherit"] });
    const pid = await new Promise<number>((resolve) =>
      launcher.stdout.once("data", (line: Buffer) => resolve(Number(line.toString()))),
    );
    expect(pid).toBeGreaterThan(1);
    process.kill(pid, 0);
    launcher.kill("SIGKILL");
    await expect.poll(() => isAlive(pid), { timeout: 20_000 }).toBe(false);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
