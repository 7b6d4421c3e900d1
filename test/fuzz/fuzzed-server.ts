import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { Worker } from "node:worker_threads";
import { http } from "../conformance/wire/raw-http.ts";

const entry = resolve(import.meta.dirname, "../../packages/server/dist/child.js");
const watcher = resolve(import.meta.dirname, "watch-server.mjs");

export interface FuzzedServer {
  readonly grpc: string;
  readonly http: string;
  readonly pid: number;
  /** Throws what the server said last, if it is dead. */
  checkAlive(): void;
  /** Resident bytes now. */
  memory(): number;
  /** Resident bytes once they are below, or after half a minute of serving: garbage is collected where there is more of it. */
  settledMemory(below: number): Promise<number>;
  /** The longest that it took to say that it lives, in milliseconds, since this was last asked. */
  longestSilenceMs(): Promise<number>;
  stop(): Promise<void>;
}

/** The embedded server in a process of its own, asked ten times a second whether it lives. */
export async function startFuzzedServer(
  repository: string,
  options: Readonly<Record<string, unknown>> = {},
): Promise<FuzzedServer> {
  const given = { repository, modelControl: "explicit", startupModels: ["*"], drainMs: 0, ...options };
  const child: ChildProcess = spawn(process.execPath, [entry, JSON.stringify(given)], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-2000);
  });
  if (child.stdout === null) throw new Error("there is no stdout");
  const gone = once(child, "exit").then(() => {
    throw new Error(`the server did not start: ${said}`);
  });
  gone.catch(() => {});
  const [line] = (await Promise.race([once(createInterface(child.stdout), "line"), gone])) as [string];
  const ready = JSON.parse(line) as {
    type: string;
    message?: string;
    grpc: string;
    http: string;
    pid: number;
  };
  if (ready.type !== "ready") throw new Error(ready.message);
  const watch = new Worker(watcher, { workerData: { address: ready.http } });
  const status = (): string => readFileSync(`/proc/${ready.pid}/status`, "utf8");
  const memory = (): number => 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(status())?.[1]);
  const ask = async (): Promise<number> => {
    watch.postMessage("tell");
    const [ms] = (await once(watch, "message")) as [number];
    return ms;
  };
  return {
    grpc: ready.grpc,
    http: ready.http,
    pid: ready.pid,
    memory,
    checkAlive() {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`the server died (${child.exitCode ?? child.signalCode}): ${said}`);
    },
    async settledMemory(below) {
      let now = memory();
      for (let i = 0; i < 120 && now > below; i++) {
        await Promise.all(Array.from({ length: 200 }, () => http(ready.http, "/v2/models/stats")));
        await new Promise((done) => setTimeout(done, 50));
        now = memory();
      }
      return now;
    },
    longestSilenceMs: ask,
    async stop() {
      await watch.terminate();
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}
