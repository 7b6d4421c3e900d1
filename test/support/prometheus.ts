import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, type SuiteAPI } from "vitest";

const PROMTOOL = "promtool";
const PROGRAMS = ["prometheus", PROMTOOL, "prometheus-pushgateway"];
const missing = PROGRAMS.filter((name) => spawnSync(name, ["--version"]).error !== undefined);
const required = process.env["STRAINFLOW_REQUIRE"] === "all";

/** `describe` for what needs them; skipped by a name that says so. Where everything is required, it runs and fails. */
export const describePrometheus = (name: string, tests: () => void): ReturnType<SuiteAPI> =>
  describe.skipIf(missing.length > 0 && !required)(
    `${name} (needs ${PROGRAMS.join(", ")}: Debian's prometheus and prometheus-pushgateway)`,
    tests,
  );

export interface Daemon extends AsyncDisposable {
  readonly port: number;
  /** `http://127.0.0.1:port` */
  readonly url: string;
}

/** A Prometheus that asks these targets (`host:port`) four times a second. */
export async function startPrometheus(targets: readonly string[]): Promise<Daemon> {
  const folder = await mkdtemp(join(tmpdir(), "strainflow-prometheus-"));
  const config = join(folder, "prometheus.yml");
  await writeFile(
    config,
    JSON.stringify({
      global: { scrape_interval: "250ms", scrape_timeout: "250ms" },
      scrape_configs: [{ job_name: "strainflow", honor_labels: true, static_configs: [{ targets }] }],
    }),
  );
  const port = await freePort();
  return started(folder, port, "prometheus", [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(folder, "data")}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ]);
}

/** @param at its port; default any that is free */
export async function startPushgateway(at?: number): Promise<Daemon> {
  const folder = await mkdtemp(join(tmpdir(), "strainflow-pushgateway-"));
  const port = at ?? (await freePort());
  return started(folder, port, "prometheus-pushgateway", [
    `--web.listen-address=127.0.0.1:${port}`,
    // Nothing is kept beyond the test.
    "--persistence.file=",
  ]);
}

/** One value of a query's result: its labels, and the number. */
export interface Queried {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

/** An instant query. */
export async function query(prometheus: Daemon, expression: string): Promise<Queried[]> {
  const url = new URL("/api/v1/query", prometheus.url);
  url.searchParams.set("query", expression);
  const answer = (await (await fetch(url)).json()) as {
    readonly data: {
      readonly result: readonly {
        readonly metric: Record<string, string>;
        readonly value: [number, string];
      }[];
    };
  };
  return answer.data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
}

/** What promtool has to say against a page of metrics; empty where that is nothing. */
export function lint(page: string): string {
  const { stdout, stderr } = spawnSync(PROMTOOL, ["check", "metrics"], { input: page, encoding: "utf8" });
  return `${stdout}${stderr}`.trim();
}

async function started(
  folder: string,
  port: number,
  program: string,
  args: readonly string[],
): Promise<Daemon> {
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said = `${said}${chunk.toString()}`.slice(-4000);
  });
  child.on("error", (error) => {
    said = error.message;
  });
  const url = `http://127.0.0.1:${port}`;
  try {
    await ready(child, url, () => said);
  } catch (error) {
    await stop(child, folder);
    throw error;
  }
  return { port, url, [Symbol.asyncDispose]: () => stop(child, folder) };
}

async function ready(child: ChildProcess, url: string, said: () => string): Promise<void> {
  for (let waited = 0; waited < 300; waited++) {
    if (child.exitCode !== null || child.pid === undefined) break;
    const answer = await fetch(`${url}/-/ready`).catch(() => undefined);
    if (answer?.ok === true) return;
    await sleep(100);
  }
  throw new Error(`it is not ready: ${said()}`);
}

async function stop(child: ChildProcess, folder: string): Promise<void> {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }
  await rm(folder, { recursive: true, force: true });
}

/** fetch refuses a list of ports, all below 10 081; the system's free ones are above. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
