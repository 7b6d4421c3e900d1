// CPU time of a server with all of its processes: Triton runs each python model in one of its own.
import { readdirSync, readFileSync } from "node:fs";

/** The kernel counts CPU time in ticks of a hundredth of a second, on every Linux that Node runs on. */
const TICKS = 100;

function readProcess(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // After the name, which may hold anything, come the state, field 3, and the parent; utime and stime are 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { parent: Number(fields[1]), cpu: (Number(fields[11]) + Number(fields[12])) / TICKS };
  } catch {
    // It ended while it was looked at.
    return undefined;
  }
}

/** CPU seconds, user and system, of a process and all that descend from it and live. */
export function treeCpu(root) {
  const children = new Map();
  const cpus = new Map();
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    const found = Number.isInteger(pid) ? readProcess(pid) : undefined;
    if (found === undefined) continue;
    cpus.set(pid, found.cpu);
    const siblings = children.get(found.parent);
    if (siblings === undefined) children.set(found.parent, [pid]);
    else siblings.push(pid);
  }
  const own = cpus.get(root);
  if (own === undefined) throw new Error(`the server (process ${root}) is gone`);
  const total = (pid) =>
    (children.get(pid) ?? []).reduce((sum, child) => sum + total(child), cpus.get(pid) ?? 0);
  return total(root);
}
