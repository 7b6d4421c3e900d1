import { spawn } from "node:child_process";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Leftovers } from "./keeper-messages.ts";

const SHARED_MEMORY = "/dev/shm";
const GROUP_GONE_MS = 2000;
const COMMAND_MS = 30_000;

/** Kills all of a process group and waits until it is gone. */
export async function killGroup(leader: number): Promise<void> {
  // Zombies that nobody reaps answer for ever: what cannot be waited for is not waited for.
  for (const end = performance.now() + GROUP_GONE_MS; performance.now() < end; await pause(10)) {
    try {
      process.kill(-leader, "SIGKILL");
    } catch {
      return;
    }
  }
}

/** Removes what a server leaves behind; what cannot be removed must not keep the rest. */
export async function clearUp({ folders, sharedMemory, command }: Leftovers): Promise<void> {
  if (command !== undefined) await run(command.file, command.args);
  const remove = (path: string): Promise<void> =>
    rm(path, { recursive: true, force: true }).catch(() => undefined);
  const shared =
    sharedMemory === undefined
      ? []
      : (await readdir(SHARED_MEMORY).catch(() => [])).filter((name) => name.startsWith(sharedMemory));
  await Promise.all([...folders, ...shared.map((name) => join(SHARED_MEMORY, name))].map(remove));
}

function run(file: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    const child = spawn(file, args, { stdio: "ignore", timeout: COMMAND_MS, killSignal: "SIGKILL" });
    child.once("error", () => resolve());
    child.once("exit", () => resolve());
  });
}
