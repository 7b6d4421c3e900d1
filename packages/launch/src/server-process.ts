import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { StrainflowError } from "@strainflow/series";

/** What to run. */
export interface ServerCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** What a server says on its standard output when it is ready: one line of JSON. */
export interface ReadyLine {
  readonly type: "ready";
  /** `host:port` of gRPC. */
  readonly grpc: string;
  /** `http://host:port`, where there is one. */
  readonly http?: string | undefined;
  readonly pid: number;
}

/** What it says when it cannot be. */
interface FailedLine {
  readonly type: "failed";
  readonly message: string;
}

/** How a server's process ended. */
export interface ServerExit {
  readonly pid: number;
  /** Absent where a signal ended it. */
  readonly code: number | undefined;
  readonly signal: string | undefined;
  /** The last lines that it wrote. */
  readonly lastLines: readonly string[];
}

export interface ServerProcess {
  readonly ready: ReadyLine;
  readonly pid: number;
  readonly exited: Promise<ServerExit>;
  /** Closes its standard input, on which it ends in order; after `graceMs` it is killed. */
  stop(graceMs: number): Promise<ServerExit>;
}

export interface ProcessOptions {
  readonly readyTimeoutMs: number;
  readonly log: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

const KEPT_LINES = 20;

/**
 * Starts a server and waits until it says that it is ready.
 *
 * The server's standard input is a pipe that ends with us, whatever ends us: a server that exits when it closes never
 * outlives its launcher. It gets a process group of its own, so that Ctrl-C in a terminal reaches the launcher alone,
 * which can still end its sequences.
 *
 * @throws `launch-failed` if it cannot be started, dies, or is not ready in time; no process is left then
 */
export async function startServerProcess(
  command: ServerCommand,
  options: ProcessOptions,
): Promise<ServerProcess> {
  const { readyTimeoutMs, log, signal } = options;
  const child = spawn(command.file, command.args, {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, ...command.env },
    detached: true,
  });
  const lastLines: string[] = [];
  let onReady: (ready: ReadyLine) => void = () => undefined;

  function line(text: string): void {
    const told = toldLine(text);
    if (told?.type === "ready") return onReady(told);
    const words = told?.message ?? text;
    lastLines.push(words);
    if (lastLines.length > KEPT_LINES) lastLines.shift();
    log(words);
  }
  createInterface({ input: child.stdout }).on("line", line);
  createInterface({ input: child.stderr }).on("line", line);
  child.stdin.on("error", () => undefined);

  const exited = new Promise<ServerExit>((resolve) => {
    // "close" comes after the last line was read, "exit" may come before.
    child.once("close", (code, by) =>
      resolve({ pid: child.pid ?? -1, code: code ?? undefined, signal: by ?? undefined, lastLines }),
    );
  });
  const stop = (graceMs: number): Promise<ServerExit> => stopChild(child, exited, graceMs);

  const failure = (what: string, cause?: unknown): StrainflowError =>
    new StrainflowError(
      "launch-failed",
      `the server (${command.file} ${command.args.join(" ")}) ${what}${lastWords(lastLines)}`,
      { cause, details: { file: command.file, args: command.args, lastLines } },
    );

  let timer: NodeJS.Timeout | undefined;
  let abort: () => void = () => undefined;
  try {
    const ready = await new Promise<ReadyLine>((resolve, reject) => {
      onReady = resolve;
      abort = () => reject(failure("was given up while it started", signal?.reason));
      if (signal?.aborted) abort();
      signal?.addEventListener("abort", abort, { once: true });
      timer = setTimeout(() => reject(failure(`was not ready within ${readyTimeoutMs} ms`)), readyTimeoutMs);
      child.once("error", (cause) => reject(failure(`could not be started: ${cause.message}`, cause)));
      void exited.then((exit) => reject(failure(`died before it was ready: ${describeExit(exit)}`)));
    });
    if (ready.pid !== child.pid)
      throw failure(`is not the one that answered: process ${ready.pid} did, ${child.pid} was started`);
    return { ready, pid: ready.pid, exited, stop };
  } catch (error) {
    if (child.pid !== undefined) await stop(0);
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

async function stopChild(
  child: ChildProcess,
  exited: Promise<ServerExit>,
  graceMs: number,
): Promise<ServerExit> {
  child.stdin?.end();
  const kill = setTimeout(() => child.kill("SIGKILL"), graceMs);
  try {
    return await exited;
  } finally {
    clearTimeout(kill);
  }
}

/** `exit code 1`, `signal SIGKILL`. */
export function describeExit({ code, signal }: ServerExit): string {
  return signal === undefined ? `exit code ${code}` : `signal ${signal}`;
}

function lastWords(lines: readonly string[]): string {
  return lines.length === 0 ? "; it wrote nothing" : `; its last lines were:\n  ${lines.join("\n  ")}`;
}

/** A line of ours: `{"type": "ready" | "failed", …}`. Anything else a server prints is for people. */
function toldLine(text: string): ReadyLine | FailedLine | undefined {
  if (!text.startsWith("{")) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { type, grpc, http, pid, message }: Partial<Record<string, unknown>> = { ...value };
  if (type === "failed" && typeof message === "string") return { type, message };
  if (type !== "ready" || typeof grpc !== "string" || typeof pid !== "number") return undefined;
  return { type, grpc, pid, http: typeof http === "string" ? http : undefined };
}
