/*
 * Stands between us and a server that does not know us (a Triton, a container's client), so that nothing of it outlives
 * us: when our end of IPC closes, whatever ended us, it stops the server, kills what is left of its process group and
 * removes what it left behind. In a session of its own: Ctrl-C in our terminal reaches us alone.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { clearUp, killGroup } from "./clear-up.ts";
import type { FromKeeper, Leftovers, ToKeeper } from "./keeper-messages.ts";

/** What a server gets to end in order when nobody is left to say how long, in milliseconds. */
const ORPHAN_GRACE_MS = 2000;

let child: ChildProcess | undefined;

function tell(message: FromKeeper): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected) process.send?.(message, () => resolve());
    else resolve();
  });
}

async function end(leader: number | undefined, leftovers: Leftovers, last: FromKeeper): Promise<void> {
  if (leader !== undefined) await killGroup(leader);
  await clearUp(leftovers, (words) => void process.stderr.write(`${words}\n`));
  await tell(last);
  process.exit(0);
}

function start({ file, args, env, leftovers }: Extract<ToKeeper, { type: "start" }>): void {
  const server = spawn(file, args, { stdio: ["ignore", "inherit", "inherit"], env, detached: true });
  child = server;
  server.once("spawn", () => void tell({ type: "started", pid: server.pid ?? -1 }));
  server.once("error", ({ message }) => {
    if (server.pid === undefined) void end(undefined, leftovers, { type: "failed", message });
  });
  server.once("exit", (code, signal) => void end(server.pid, leftovers, { type: "exited", code, signal }));
}

function stop(graceMs: number): void {
  if (child === undefined) process.exit(0);
  const { pid } = child;
  if (pid === undefined) return;
  if (graceMs > 0) child.kill("SIGTERM");
  // The whole group: a leader that does not end may have children that hold its place.
  setTimeout(() => void killGroup(pid), graceMs);
}

// Nobody may be left to read.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
process.on("message", (message: ToKeeper) => {
  if (message.type === "start") start(message);
  else stop(message.graceMs);
});
process.on("disconnect", () => stop(ORPHAN_GRACE_MS));
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const)
  process.on(signal, () => stop(ORPHAN_GRACE_MS));
