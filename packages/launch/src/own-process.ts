import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { StrainflowError } from "@strainflow/series";
import { createOutput, lastWords } from "./server-output.ts";
import {
  type ServerExit,
  type ServerPlace,
  type ServerProcess,
  type StartOptions,
  whileStarting,
} from "./server-process.ts";

/** What to run. */
export interface OwnCommand {
  readonly file: string;
  readonly args: readonly string[];
}

/** What our server says on its standard output when it is ready: one line of JSON. */
interface ReadyLine extends ServerPlace {
  readonly type: "ready";
}

/** What it says when it cannot be. */
interface FailedLine {
  readonly type: "failed";
  readonly message: string;
}

/**
 * Starts a server that knows our ways, and waits until it says that it is ready.
 *
 * The server's standard input is a pipe that ends with us, whatever ends us: a server that exits when it closes never
 * outlives its launcher. It gets a process group of its own, so that Ctrl-C in a terminal reaches the launcher alone,
 * which can still end its sequences.
 *
 * @throws `launch-failed` if it cannot be started, dies, or is not ready in time; no process is left then
 */
export async function startOwnProcess(command: OwnCommand, options: StartOptions): Promise<ServerProcess> {
  const child = spawn(command.file, command.args, { stdio: ["pipe", "pipe", "pipe"], detached: true });
  const output = createOutput(options.log);
  let onReady: (ready: ReadyLine) => void = () => undefined;
  createInterface({ input: child.stdout }).on("line", (text) => {
    const told = toldLine(text);
    if (told?.type === "ready") onReady(told);
    else output.line(told?.message ?? text);
  });
  output.read(child.stderr);
  child.stdin.on("error", () => undefined);

  const exited = new Promise<ServerExit>((resolve) => {
    // "close" comes after the last line was read, "exit" may come before.
    child.once("close", (code, by) =>
      resolve({
        pid: child.pid ?? -1,
        code: code ?? undefined,
        signal: by ?? undefined,
        lastLines: output.lastLines,
      }),
    );
  });
  const stop = (graceMs: number): Promise<ServerExit> => stopChild(child, exited, graceMs);
  const failure = (what: string, cause?: unknown): StrainflowError =>
    new StrainflowError(
      "launch-failed",
      `the server (${command.file} ${command.args.join(" ")}) ${what}${lastWords(output.lastLines)}`,
      { cause, details: { file: command.file, args: command.args, lastLines: output.lastLines } },
    );

  try {
    const ready = await whileStarting(
      { options, output, exited, failure },
      () =>
        new Promise<ReadyLine>((resolve, reject) => {
          onReady = resolve;
          child.once("error", (cause) => reject(failure(`could not be started: ${cause.message}`, cause)));
        }),
    );
    if (ready.pid !== child.pid)
      throw failure(`is not the one that answered: process ${ready.pid} did, ${child.pid} was started`);
    const { grpc, http, metrics, pid } = ready;
    return { place: { grpc, http, metrics, pid }, pid, exited, stop };
  } catch (error) {
    if (child.pid !== undefined) await stop(0);
    throw error;
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

/** A line of ours: `{"type": "ready" | "failed", …}`. Anything else a server prints is for people. */
function toldLine(line: string): ReadyLine | FailedLine | undefined {
  if (!line.startsWith("{")) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { type, grpc, http, metrics, pid, message }: Partial<Record<string, unknown>> = { ...value };
  if (type === "failed" && typeof message === "string") return { type, message };
  if (type !== "ready" || typeof grpc !== "string" || typeof pid !== "number") return undefined;
  const text = (given: unknown): string | undefined => (typeof given === "string" ? given : undefined);
  return { type, grpc, pid, http: text(http), metrics: text(metrics) };
}
