import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const bin = fileURLToPath(new URL("../../bin/strainflow.js", import.meta.url));

/** Whether the command is built; `npx tsc -b` does it. */
export const built: boolean = existsSync(new URL("../../dist/main.js", import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The JSON objects of stdout, one per line. */
  readonly records: readonly Readonly<Record<string, unknown>>[];
}

export interface RunningCommand {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  /** Resolves with the first record of a type. */
  record(type: string): Promise<Readonly<Record<string, unknown>>>;
}

/** Starts the built command, as a shell would. */
export function startCommand(
  args: readonly string[],
  cwd?: string,
  env?: Readonly<Record<string, string>>,
): RunningCommand {
  const child = spawn(process.execPath, [bin, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env: { ...process.env, ...env } }),
  });
  let stdout = "";
  let stderr = "";
  const watchers = new Set<() => void>();
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    for (const watch of watchers) watch();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const records = (): Record<string, unknown>[] =>
    stdout
      .split("\n")
      .slice(0, -1)
      .filter((line) => line.startsWith("{") && line.endsWith("}"))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const finished = new Promise<Finished>((resolve) => {
    child.on("close", (code) => resolve({ code, stdout, stderr, records: records() }));
  });
  return {
    child,
    finished,
    record: (type) =>
      new Promise((resolve, reject) => {
        const watch = (): void => {
          const found = records().find((record) => record["type"] === type);
          if (found === undefined) return;
          watchers.delete(watch);
          resolve(found);
        };
        watchers.add(watch);
        watch();
        void finished.then(() => reject(new Error(`it ended without a record "${type}": ${stderr}`)));
      }),
  };
}

/** Runs the built command to its end. */
export function runCommand(args: readonly string[], cwd?: string): Promise<Finished> {
  return startCommand(args, cwd).finished;
}
