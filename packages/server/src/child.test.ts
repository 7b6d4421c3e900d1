import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { GRPCInferenceService } from "@strainflow/proto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ChildMessage } from "./child.ts";
import { float32, RawClient, sequence } from "./testing/raw-client.ts";
import {
  CHANNELS,
  snapshotter,
  type TinyRepository,
  tinyRepository,
  UPDATE,
} from "./testing/tiny-repository.ts";

const entry = fileURLToPath(new URL("../dist/child.js", import.meta.url));

describe("the server as a child process", () => {
  let repository: TinyRepository;

  beforeAll(async () => {
    repository = await tinyRepository([snapshotter("snap", "", 10_000, 4)]);
  });
  afterAll(() => repository.remove());

  async function start(options: object, stdio: "ipc" | "pipe"): Promise<[ChildProcess, ChildMessage]> {
    const child = spawn(process.execPath, [entry, JSON.stringify(options)], {
      stdio: stdio === "ipc" ? ["ignore", "pipe", "inherit", "ipc"] : ["pipe", "pipe", "inherit"],
    });
    if (child.stdout === null) throw new Error("no stdout");
    const [line] = (await once(createInterface(child.stdout), "line")) as [string];
    return [child, JSON.parse(line) as ChildMessage];
  }
  const exit = async (child: ChildProcess): Promise<number | null> =>
    child.exitCode ?? ((await once(child, "exit")) as [number | null])[0];

  const request = (flags: { start?: boolean; end?: boolean }) => ({
    modelName: "snap",
    parameters: sequence(1n, flags),
    inputs: [{ name: "snapshot_update", datatype: "FP32", shape: [1n, BigInt(CHANNELS), BigInt(UPDATE)] }],
    rawInputContents: [float32(new Array(CHANNELS * UPDATE).fill(1))],
  });

  it("says where it listens, and lets open streams finish on SIGTERM", async () => {
    const [child, message] = await start(
      { repository: repository.path, workers: 1, drainMs: 20_000 },
      "pipe",
    );
    if (message.type !== "ready") throw new Error(message.message);
    expect(message.pid).toBe(child.pid);
    const client = new RawClient(message.grpc);
    const stream = client.stream();
    stream.send(request({ start: true }));
    expect((await stream.next()).errorMessage).toBe("");
    child.kill("SIGTERM");
    await new Promise((resolve) => setTimeout(resolve, 100));
    stream.send(request({ end: true }));
    expect((await stream.next()).errorMessage).toBe("");
    stream.call.end();
    await stream.ended;
    client.close();
    expect(await exit(child)).toBe(0);
  });

  it("is gone within five seconds of SIGTERM, whatever streams are open, and at once after a second one", async () => {
    for (const signals of [1, 2]) {
      const [child, message] = await start({ repository: repository.path, workers: 1 }, "pipe");
      if (message.type !== "ready") throw new Error(message.message);
      const client = new RawClient(message.grpc);
      const stream = client.stream();
      stream.send(request({ start: true }));
      await stream.next();
      const begun = performance.now();
      child.kill("SIGTERM");
      if (signals === 2) {
        await new Promise((resolve) => setTimeout(resolve, 200));
        child.kill("SIGTERM");
      }
      await exit(child);
      expect(child.signalCode).toBe(signals === 2 ? "SIGKILL" : null);
      expect(performance.now() - begun).toBeLessThan(signals === 2 ? 4000 : 6000);
      client.close();
    }
  });

  it("lets streams finish that go on in either of two processes, and is gone in time where they do not", async () => {
    for (const ends of [true, false]) {
      const [child, message] = await start(
        { repository: repository.path, workers: 1, processes: 2, drainMs: ends ? 20_000 : 500 },
        "pipe",
      );
      if (message.type !== "ready") throw new Error(message.message);
      const clients = [1, 2].map(() => new RawClient(message.grpc));
      const streams = clients.map((client) => client.stream());
      // Of the two ids each belongs to another process; each stream sends to both.
      const send = async (flags: { start?: boolean; end?: boolean }): Promise<void> => {
        for (const [at, stream] of streams.entries())
          for (const id of [1n, 2n]) {
            stream.send({ ...request(flags), parameters: sequence(10n * BigInt(at) + id, flags) });
            expect((await stream.next()).errorMessage).toBe("");
          }
      };
      await send({ start: true });
      const begun = performance.now();
      child.kill("SIGTERM");
      await new Promise((resolve) => setTimeout(resolve, 100));
      if (ends) {
        await send({ end: true });
        for (const { call, ended } of streams) {
          call.end();
          await ended;
        }
      }
      for (const client of clients) client.close();
      expect(await exit(child)).toBe(0);
      expect(performance.now() - begun).toBeLessThan(6000);
    }
  });

  it("leaves nothing of two processes after a second SIGTERM, or SIGKILL, or when its parent is gone", async () => {
    for (const how of ["SIGTERM", "SIGKILL", "stdin"] as const) {
      const [child, message] = await start({ repository: repository.path, workers: 1, processes: 2 }, "pipe");
      if (message.type !== "ready") throw new Error(message.message);
      const client = new RawClient(message.grpc);
      const stream = client.stream();
      stream.send(request({ start: true }));
      await stream.next();
      const closed = once(child, "close");
      if (how === "stdin") child.stdin?.end();
      else {
        child.kill(how);
        await new Promise((resolve) => setTimeout(resolve, 100));
        child.kill(how);
      }
      // Standard output closes when the last process that has it is gone.
      await closed;
      client.close();
    }
  });

  it("leaves when its standard input closes", async () => {
    const [child, message] = await start(
      { repository: repository.path, workers: 1, httpPort: false },
      "pipe",
    );
    expect(message).toMatchObject({
      type: "ready",
      http: null,
      metrics: expect.stringMatching(/\/metrics$/),
    });
    child.stdin?.end();
    expect(await exit(child)).toBe(0);
  });

  it("leaves when its parent's end of IPC closes", async () => {
    const [child, message] = await start({ repository: repository.path, workers: 1 }, "ipc");
    if (message.type !== "ready") throw new Error(message.message);
    const client = new RawClient(message.grpc);
    expect((await client.unary(GRPCInferenceService.method.serverReady, {})).ready).toBe(true);
    client.close();
    child.disconnect();
    expect(await exit(child)).toBe(0);
  });

  it("leaves when its parent is killed, also where nothing ties the two", async () => {
    const script = `require("node:child_process").spawn(process.execPath, process.argv.slice(1), { stdio: ["ignore", "inherit", "ignore"] })`;
    const options = JSON.stringify({ repository: repository.path, workers: 1 });
    const parent = spawn(process.execPath, ["-e", script, entry, options], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = (await once(createInterface(parent.stdout), "line")) as [string];
    expect(JSON.parse(line)).toMatchObject({ type: "ready" });
    parent.kill("SIGKILL");
    // The pipe closes when its last writer, the orphan, is gone: until then this waits.
    expect(await once(parent, "close")).toEqual([null, "SIGKILL"]);
  });

  it("says why it cannot start", async () => {
    const [child, message] = await start({ repository: "/nowhere/at/all" }, "pipe");
    expect(message).toMatchObject({ type: "failed", tag: "repository-not-readable" });
    expect(await exit(child)).toBe(1);
  });
});
