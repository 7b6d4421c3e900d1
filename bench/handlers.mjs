// Handlers over HTTP, measured with wrk: requests per second of one that does nothing, and what a second worker brings to
// one that computes. A goal in requests per second means a machine that is free: CPU per request says more of a busy one.
import { spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { runProcess } from "./child.mjs";
import { measureAlone, measurePairs, outcome } from "./pairs.mjs";

const file = (name) => fileURLToPath(new URL(`./handlers/${name}`, import.meta.url));
const CONNECTIONS = 64;
const SECONDS = 5;
const PAIRS = 3;

/** Requests per second to one worker; Virtex's own generator stops at 5,000. */
const GOAL_RATE = 10_000;

/** One run: a server of its own, so much of wrk against it to warm up, and so much that counts. */
async function run(name, workers) {
  const options = JSON.stringify({ path: file(name), workers });
  const server = spawn(process.execPath, [file("server.mjs"), options], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
  try {
    const { url } = JSON.parse((await lines.next()).value);
    const wrk = (seconds) =>
      runProcess("wrk", ["-t1", `-c${CONNECTIONS}`, `-d${seconds}s`, "-s", file("post.lua"), `${url}/`]);
    const warm = JSON.parse((await wrk(1)).output.trim().split("\n").at(-1));
    const told = JSON.parse((await wrk(SECONDS)).output.trim().split("\n").at(-1));
    if (told.failed > 0) throw new Error(`${told.failed} requests of wrk failed`);
    server.stdin.end();
    const { cpuSeconds } = JSON.parse((await lines.next()).value);
    return {
      rate: told.requests / told.seconds,
      p50: told.p50,
      p99: told.p99,
      cpuMicroseconds: (1e6 * cpuSeconds) / (told.requests + warm.requests),
    };
  } finally {
    if (server.exitCode === null) server.kill("SIGKILL");
  }
}

/** @returns lines of the table */
export async function measure({ tell }) {
  if (spawnSync("wrk", ["--version"]).error !== undefined)
    return [{ ...absent("handlers/empty"), note: "wrk is not installed" }];
  const seen = [];
  const rates = await measureAlone(PAIRS, async () => {
    const figures = await run("empty.mjs", 1);
    tell(`empty: ${figures.rate.toFixed(0)} requests/s, p50 ${figures.p50} ms, p99 ${figures.p99} ms`);
    seen.push(figures);
    return figures.rate;
  });
  const alone = (name, unit, key) =>
    outcome({ name, unit, cost: true, samples: seen.map((figures) => ({ ours: figures[key] })) });
  const empty = outcome({ name: "handlers/empty, one worker", unit: "requests/s", samples: rates });
  const two = await measurePairs(
    PAIRS,
    async () => (await run("burn.mjs", 2)).rate,
    async () => (await run("burn.mjs", 1)).rate,
  );
  return [
    { ...empty, goal: GOAL_RATE, met: empty.value >= GOAL_RATE, note: `wrk, ${CONNECTIONS} connections` },
    alone("handlers/empty, median latency", "ms", "p50"),
    alone("handlers/empty, 99th percentile", "ms", "p99"),
    alone("handlers/empty, CPU per request", "µs", "cpuMicroseconds"),
    outcome({
      name: "handlers/2 ms of CPU, two workers",
      unit: "requests/s",
      against: "one worker",
      samples: two,
      goal: 1.8,
      note: "needs two free cores",
    }),
  ];
}

function absent(name) {
  return {
    name,
    value: null,
    unit: "requests/s",
    against: null,
    ratio: null,
    goal: GOAL_RATE,
    met: null,
    samples: [],
  };
}
