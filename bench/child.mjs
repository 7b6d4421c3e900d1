// A side that runs as a process of its own, and says in JSON on its last line what it measured.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

/** The kernel counts CPU time in ticks of a hundredth of a second, on every Linux that Node runs on. */
const TICKS = 100;

/**
 * CPU seconds of all processes that this one has started and that have ended, with theirs. NaN where there is no /proc.
 */
function childrenCpu() {
  try {
    const stat = readFileSync("/proc/self/stat", "utf8");
    // After the name, which may hold anything, comes the state, field 3; cutime and cstime are fields 16 and 17.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[13]) + Number(fields[14])) / TICKS;
  } catch {
    return Number.NaN;
  }
}

/**
 * Runs a program to its end; one at a time, or CPU times mix.
 *
 * @returns its standard output, the seconds from its start to its end, and the CPU seconds of all of its threads and
 * processes
 */
export function runProcess(command, args) {
  return new Promise((resolve, reject) => {
    const from = performance.now();
    const cpuBefore = childrenCpu();
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    const [out, err] = [[], []];
    child.stdout.on("data", (chunk) => out.push(chunk));
    child.stderr.on("data", (chunk) => err.push(chunk));
    child.on("error", reject);
    child.on("close", (code) => {
      const seconds = (performance.now() - from) / 1000;
      if (code === 0)
        resolve({ output: Buffer.concat(out).toString(), seconds, cpuSeconds: childrenCpu() - cpuBefore });
      else
        reject(
          new Error(`${command} ${args.join(" ")} ended with ${code}:\n${Buffer.concat([...out, ...err])}`),
        );
    });
  });
}

/** Runs a program with its options as JSON in its last argument, and reads the JSON of its last line. */
export async function ask(command, args, options) {
  const { output } = await runProcess(command, [...args, JSON.stringify(options)]);
  return JSON.parse(output.trim().split("\n").at(-1));
}
