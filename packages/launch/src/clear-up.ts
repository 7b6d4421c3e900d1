import { spawn } from "node:child_process";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Leftovers } from "./keeper-messages.ts";

const SHARED_MEMORY = "/dev/shm";
const GROUP_GONE_MS = 2000;
const COMMAND_MS = 30_000;

/** Kills all of a process group and waits until it is gone. */
export async function killGroup(leader: number): Promise<void> {
  for (const end = performance.now() + GROUP_GONE_MS; performance.now() < end; await pause(10)) {
    try {
      process.kill(-leader, "SIGKILL");
    } catch {
      return;
    }
    if (await isDead(leader)) return;
  }
}

/** Whether none of a group runs. One that has ended and that nobody reaps, as in many containers, still takes signals. */
async function isDead(leader: number): Promise<boolean> {
  const pids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  if (pids.length === 0) return false;
  const stats = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, "utf8").catch(() => "")));
  return stats.every((stat) => {
    // `pid (name) state parent group …`, and a name may hold anything.
    const [state, , group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(group) !== leader || state === "Z" || state === "X";
  });
}

/**
 * Removes what a server leaves behind; what cannot be removed must not keep the rest.
 *
 * @param tell takes what the command complains of, which may be that there was nothing left to do
 */
export async function clearUp(
  { folders, sharedMemory, command }: Leftovers,
  tell: (words: string) => void,
): Promise<void> {
  if (command !== undefined) await run(command.file, command.args, tell);
  const remove = (path: string): Promise<void> =>
    rm(path, { recursive: true, force: true }).catch(() => undefined);
  const shared =
    sharedMemory === undefined
      ? []
      : (await readdir(SHARED_MEMORY).catch(() => [])).filter((name) => name.startsWith(sharedMemory));
  await Promise.all([...folders, ...shared.map((name) => join(SHARED_MEMORY, name))].map(remove));
}

function run(file: string, args: readonly string[], tell: (words: string) => void): Promise<void> {
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      stdio: ["ignore", "ignore", "pipe"],
      timeout: COMMAND_MS,
      killSignal: "SIGKILL",
    });
    child.stderr.on("data", (words: Buffer) => tell(words.toString().trimEnd()));
    child.once("error", ({ message }) => {
      tell(`${file} ${args.join(" ")}: ${message}`);
      resolve();
    });
    child.once("exit", () => resolve());
  });
}
