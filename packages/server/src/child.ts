/*
 * The server as a child process: `node child.js '{"repository": "…"}'`. Says in one line of JSON on stdout, and over
 * IPC where there is one, when it is ready or why it is not; drains on SIGTERM; and leaves when its parent is gone.
 */
import { fstatSync } from "node:fs";
import { isStrainflowError } from "@strainflow/series";
import { readTokens } from "./access.ts";
import { type ServerOfProcesses, serveProcesses } from "./processes/serve-processes.ts";
import { createServer, type InferenceServer } from "./server.ts";
import type { ServerOptions } from "./server-options.ts";

/** What stands in the first argument, as JSON. */
export interface ChildOptions extends Omit<ServerOptions, "log"> {
  /** How long open streams may go on after SIGTERM, in milliseconds. Default 2000. */
  readonly drainMs?: number;
  /** Processes behind the server's ports. Default 1: this one. */
  readonly processes?: number;
  /** A file with a role and a token on each line: what stands in arguments, others on this machine can read. */
  readonly tokenFile?: string;
}

export type ChildMessage =
  | {
      readonly type: "ready";
      /** `host:port` */
      readonly grpc: string;
      /** `http://host:port`, or null without HTTP. */
      readonly http: string | null;
      /** `http://host:port/metrics`, or null without metrics. */
      readonly metrics: string | null;
      readonly pid: number;
    }
  | { readonly type: "failed"; readonly tag: string; readonly message: string };

function tell(message: ChildMessage): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
  if (process.connected) process.send?.(message);
}

/** After the time to drain: with the usual two seconds of that, a server that is told to stop is gone in five. */
const LAST_ANSWERS_MS = 3000;

/** How often a parent is looked for that holds neither IPC nor a pipe, in milliseconds. */
const PARENT_MS = 1000;

/** Calls back when the parent is gone: its end of IPC, or of a piped stdin, closes with it, and another adopts us. */
function whenOrphaned(leave: () => void): void {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) leave();
  }, PARENT_MS).unref();
  if (process.connected) {
    process.on("disconnect", leave);
    return;
  }
  const stdin = fstatSync(0);
  if (!stdin.isFIFO() && !stdin.isSocket()) return;
  process.stdin.on("end", leave);
  process.stdin.on("close", leave);
  process.stdin.on("error", leave);
  process.stdin.resume();
}

async function main(): Promise<void> {
  let server: Pick<InferenceServer, "close"> | undefined;
  let several: ServerOfProcesses | undefined;
  let drainMs = 2000;
  let leaving = false;
  // Not by exit: a thread that is ended inside a run would take its time, or the process with it.
  const stopAtOnce = (): void => {
    several?.kill();
    process.kill(process.pid, "SIGKILL");
  };
  const leave = (waitMs: number): void => {
    if (leaving) return;
    leaving = true;
    // Nothing may keep a server alive whose parent is gone or that was told to stop.
    setTimeout(stopAtOnce, waitMs + LAST_ANSWERS_MS).unref();
    if (server === undefined) process.exit(0);
    server.close({ drainMs: waitMs }).then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.stdout.on("error", () => leave(0));
  for (const signal of ["SIGTERM", "SIGINT"])
    process.on(signal, () => {
      if (leaving) stopAtOnce();
      else leave(drainMs);
    });
  whenOrphaned(() => leave(0));
  try {
    const options = JSON.parse(process.argv[2] ?? "{}") as ChildOptions;
    drainMs = options.drainMs ?? drainMs;
    const log = (message: string): void => void process.stderr.write(`${message}\n`);
    const { tokenFile } = options;
    const tokens = tokenFile === undefined ? options.tokens : await readTokens(tokenFile);
    const { processes = 1, ...rest } = options;
    const given = { ...rest, log, ...(tokens === undefined ? {} : { tokens }) };
    let told: Pick<InferenceServer, "grpcAddress" | "httpAddress" | "metricsAddress">;
    if (processes === 1) {
      const alone = await createServer(given);
      server = alone;
      told = alone;
    } else {
      several = await serveProcesses(given, processes);
      server = several;
      told = several;
      void several.failed.then((error) => {
        log(error.message);
        stopAtOnce();
      });
    }
    tell({
      type: "ready",
      grpc: told.grpcAddress,
      http: told.httpAddress ?? null,
      metrics: told.metricsAddress ?? null,
      pid: process.pid,
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    tell({ type: "failed", tag: isStrainflowError(error) ? error.tag : "failed", message });
    leaving = true;
    process.exitCode = 1;
    if (process.connected) process.disconnect();
    process.stdin.destroy();
  }
}

await main();
