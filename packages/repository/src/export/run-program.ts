import { spawn } from "node:child_process";
import { once } from "node:events";

export interface ProgramOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** It is ended, with all that it has started, after so long. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Both of its streams, as they come. */
  readonly onOutput?: (text: string) => void;
}

export interface ProgramEnd {
  /** Exit status; null where a signal ended it. */
  readonly code: number | null;
  readonly timedOut: boolean;
  /** The end of what it said, at most 64 KB of both streams. */
  readonly output: string;
}

const KEPT = 64 << 10;

/**
 * Runs a program to its end, in a group of its own: nothing that it has started outlives it, or us.
 *
 * @throws what spawning throws (`ENOENT` where there is no such program), and the signal's reason
 */
export async function runProgram(options: ProgramOptions): Promise<ProgramEnd> {
  const { command, args, cwd, env, timeoutMs, signal, onOutput } = options;
  signal?.throwIfAborted();
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", "pipe"],
    detached: process.platform !== "win32",
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env: { ...process.env, ...env } }),
  });
  const end = (): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(process.platform === "win32" ? child.pid : -child.pid, "SIGKILL");
    } catch {
      // It and its group are gone.
    }
  };
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-KEPT);
      onOutput?.(text);
    });
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    end();
  }, timeoutMs);
  process.once("exit", end);
  signal?.addEventListener("abort", end);
  try {
    const [code] = (await once(child, "close")) as [number | null];
    signal?.throwIfAborted();
    return { code, timedOut, output };
  } finally {
    clearTimeout(timer);
    process.off("exit", end);
    signal?.removeEventListener("abort", end);
    end();
  }
}

/** The last lines that say something, for an error. */
export function lastLines(output: string, count = 6): string {
  return output
    .split(/\r?\n|\r/)
    .filter((line) => line.trim() !== "")
    .slice(-count)
    .join("\n");
}
