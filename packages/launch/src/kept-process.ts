import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { StrainflowError } from "@strainflow/series";
import { clearUp, killGroup } from "./clear-up.ts";
import { checkIdentity } from "./identity.ts";
import type { FromKeeper, Leftovers, ToKeeper } from "./keeper-messages.ts";
import { createOutput, lastWords } from "./server-output.ts";
import {
  type ServerExit,
  type ServerPlace,
  type ServerProcess,
  type StartOptions,
  whileStarting,
} from "./server-process.ts";
import { untilListening } from "./until-listening.ts";

/** A server that does not know us, and what it takes to run, know and remove it. */
export interface KeptCommand {
  readonly file: string;
  readonly args: readonly string[];
  /** Absent: ours. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly place: Omit<ServerPlace, "pid">;
  /** What its answers call it. */
  readonly id: string;
  readonly leftovers: Leftovers;
  /** What may be the matter if it does not become ready. */
  readonly hint?: string | undefined;
}

/** What a server's pipes may stay open after its end, in milliseconds. */
const PIPES_MS = 1000;

/** What the keeper may take over what a server leaves, after its time is over, in milliseconds. */
const KEEPER_MS = 40_000;

/**
 * Starts a server under a keeper, and waits until it is ready and has shown by its id that it is the one.
 *
 * @throws `launch-failed` if it cannot be started, dies, is not ready in time, or another answers in its place; nothing is left then
 */
export async function startKeptProcess(command: KeptCommand, options: StartOptions): Promise<ServerProcess> {
  const { file, args, env, id, place, leftovers, hint } = command;
  const keeper = spawn(process.execPath, [keeperEntry(), id], {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    detached: true,
  });
  const output = createOutput(options.log);
  for (const stream of [keeper.stdout, keeper.stderr]) if (stream !== null) output.read(stream);

  const failure = (what: string, cause?: unknown): StrainflowError =>
    new StrainflowError(
      "launch-failed",
      `the server (${file} ${args.join(" ")}) ${what}${hint === undefined ? "" : ` (${hint})`}${lastWords(output.lastLines)}`,
      { cause, details: { file, args, lastLines: output.lastLines } },
    );

  let pid = -1;
  let onStarted: () => void = () => undefined;
  let onFailed: (message: string) => void = () => undefined;
  let last: Extract<FromKeeper, { type: "exited" }> | undefined;
  keeper.on("message", (message: FromKeeper) => {
    if (message.type === "started") {
      pid = message.pid;
      onStarted();
    } else if (message.type === "failed") onFailed(message.message);
    else last = message;
  });
  const exited = keeperEnd(keeper).then(async (ended): Promise<ServerExit> => {
    // It ends after its server; where it did not, it was killed, and what it was to do is done here.
    if (last === undefined) {
      if (pid > 0) await killGroup(pid);
      await clearUp(leftovers, output.line);
    }
    // A daemon that left the group may hold the pipes open for ever.
    await Promise.race([ended.outputRead, pause(PIPES_MS, undefined, { ref: false })]);
    const { code, signal } = last ?? ended;
    return { pid, code: code ?? undefined, signal: signal ?? undefined, lastLines: output.lastLines };
  });
  const stop = (graceMs: number): Promise<ServerExit> => stopKeeper(keeper, exited, graceMs);

  try {
    await whileStarting({ options, output, exited, failure }, async (signal) => {
      await new Promise<void>((resolve, reject) => {
        onStarted = resolve;
        onFailed = (message) => reject(failure(`could not be started: ${message}`));
        keeper.once("error", ({ message }) => onFailed(message));
        send(keeper, { type: "start", file, args, env, leftovers });
      });
      await checkIdentity(place.grpc, id, signal);
      const others = [place.http, place.metrics].filter((url) => url !== undefined);
      await untilListening(others, signal);
    });
    return { place: { ...place, pid }, pid, exited, stop };
  } catch (error) {
    await stop(0);
    throw error;
  }
}

async function stopKeeper(
  keeper: ChildProcess,
  exited: Promise<ServerExit>,
  graceMs: number,
): Promise<ServerExit> {
  send(keeper, { type: "stop", graceMs });
  const kill = setTimeout(() => keeper.kill("SIGKILL"), graceMs + KEEPER_MS);
  try {
    return await exited;
  } finally {
    clearTimeout(kill);
  }
}

function send(keeper: ChildProcess, message: ToKeeper): void {
  if (keeper.connected) keeper.send(message, () => undefined);
}

interface KeeperEnd {
  readonly code: number | null;
  readonly signal: string | null;
  /** Its pipes are closed, and all that came through them has been read. */
  readonly outputRead: Promise<void>;
}

/** The keeper's process is gone, or never was, and all of its messages have been heard. */
function keeperEnd(keeper: ChildProcess): Promise<KeeperEnd> {
  const outputRead = new Promise<void>((resolve) => keeper.once("close", () => resolve()));
  return new Promise((resolve) => {
    keeper.once("error", () => {
      if (keeper.pid === undefined) resolve({ code: null, signal: null, outputRead: Promise.resolve() });
    });
    keeper.once("exit", (code, signal) => {
      const heard = (): void => resolve({ code, signal, outputRead });
      if (keeper.connected) keeper.once("disconnect", heard);
      else setImmediate(heard);
    });
  });
}

/** The keeper runs from what was built, also when this module runs from its source. */
function keeperEntry(): string {
  return fileURLToPath(new URL("../dist/keeper.js", import.meta.url));
}
