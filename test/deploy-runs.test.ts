import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { connect } from "@strainflow/triton";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { deploy, readCompose } from "./support/deploy-files.ts";
import { startRealTriton, withoutTriton } from "./support/real-triton.ts";

const root = resolve(import.meta.dirname, "..");
const cached = join(root, ".cache", "bin", "versitygw");
const store = existsSync(cached) ? cached : "versitygw";
const command = join(root, "packages", "cli", "bin", "strainflow.js");
const runs = (file: string): boolean => spawnSync(file, ["--version"]).status === 0;
const absent =
  (withoutTriton || !runs(store) || !runs("prometheus")) && process.env["STRAINFLOW_REQUIRE"] !== "all";

const folder = mkdtempSync(join(tmpdir(), "strainflow-deploy-"));
const children: ChildProcess[] = [];
afterEach(async () => {
  for (const child of children.splice(0).reverse()) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const ended = new Promise((done) => child.once("exit", done));
    child.kill("SIGKILL");
    await ended;
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Free ports, all different. */
async function freePorts(count: number): Promise<number[]> {
  const held = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    held.map(
      (server) =>
        new Promise<number>((done, fail) => {
          server.once("error", fail);
          server.listen(0, "127.0.0.1", () => {
            const address = server.address();
            done(typeof address === "object" && address !== null ? address.port : 0);
          });
        }),
    ),
  );
  await Promise.all(held.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

function start(file: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): string[] {
  const child = spawn(file, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  children.push(child);
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => said.push(text));
  return said;
}

/** What a page says once it has an answer. */
async function page(url: string, said: readonly string[]): Promise<string> {
  for (const end = performance.now() + 30_000; ; ) {
    try {
      const answer = await fetch(url);
      if (answer.ok) return await answer.text();
    } catch {
      // Not yet.
    }
    if (performance.now() > end) throw new Error(`${url} does not answer:\n${said.join("")}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

describe.skipIf(absent)("the compose file's programs (needs a real Triton, versitygw and Prometheus)", () => {
  it("run with its arguments and variables: store, push, Triton, monitor, Prometheus", {
    timeout: 180_000,
  }, async () => {
    const { services } = readCompose("compose.yaml");
    const [storePort = 0, monitorPort = 0, prometheusPort = 0] = await freePorts(3);
    const names: Record<string, string> = {
      "store:7070": `127.0.0.1:${storePort}`,
      "0.0.0.0:9100": `127.0.0.1:${monitorPort}`,
      "monitor:9100": `127.0.0.1:${monitorPort}`,
    };
    /** What stands in the file, with addresses of here. */
    const here = (text: string): string =>
      Object.entries(names).reduce((now, [name, address]) => now.replaceAll(name, address), text);
    const keys: Record<string, string> = {
      STORE_ACCESS_KEY: "strain",
      STORE_SECRET_KEY: "flows-through-here",
    };
    const environment = (name: string): Record<string, string> =>
      Object.fromEntries(
        Object.entries(services[name]?.environment ?? {}).map(([variable, value]) => [
          variable,
          value.replace(/\$\{(\w+):[^}]*\}/, (_, key: string) => keys[key] ?? ""),
        ]),
      );
    /** Of a program that npx runs, from its own name on. */
    const strainflow = (name: string): string[] => {
      const words = services[name]?.command.map(here) ?? [];
      expect(words.slice(0, 3)).toEqual(["npx", "--yes", "strainflow@0.1"]);
      return words.slice(3);
    };

    // store, and its bucket
    const data = join(folder, "data");
    expect(services["bucket"]?.command).toEqual(["mkdir", "-p", "/data/models"]);
    mkdirSync(join(data, "models"), { recursive: true });
    expect(services["store"]?.command).toEqual(["posix", "/data"]);
    const storeSaid = start(store, ["posix", data], {
      ...environment("store"),
      VGW_PORT: `127.0.0.1${environment("store")["VGW_PORT"]?.replace(":7070", `:${storePort}`)}`,
      VGW_HEALTH: "/health",
    });
    await page(`http://127.0.0.1:${storePort}/health`, storeSaid);

    // push
    const models = join(folder, "models");
    const build = ["model", "build", "--backend", "python", "--templates", "2", "-o", models];
    const built = spawnSync(process.execPath, [command, ...build], { encoding: "utf8" });
    expect(built.status, built.stderr).toBe(0);
    const push = strainflow("push").map((word) => (word === "/models" ? models : word));
    const pushed = spawnSync(process.execPath, [command, ...push], {
      encoding: "utf8",
      env: { ...process.env, ...environment("push") },
    });
    expect(pushed.status, pushed.stderr).toBe(0);

    // triton
    const [program, ...args] = services["triton"]?.command.map(here) ?? [];
    expect(program).toBe("tritonserver");
    const repository = args.find((argument) => argument.startsWith("--model-repository="));
    expect(repository).toBe(`--model-repository=s3://http://127.0.0.1:${storePort}/models`);
    await using triton = await startRealTriton(repository?.slice("--model-repository=".length) ?? "", {
      serverArgs: args.filter((argument) => argument !== repository),
      env: environment("triton"),
    });
    const client = await connect(triton.address);
    expect((await client.modelMetadata("matched-filter-stream")).platform).toBe("ensemble");
    client.close();
    const metrics = triton.metricsAddress.replace(/^http:\/\/|\/metrics$/g, "");
    Object.assign(names, { "grpc://triton:8001": `grpc://${triton.address}`, "triton:8002": metrics });

    // monitor
    const monitorSaid = start(process.execPath, [command, ...strainflow("monitor")]);
    expect(await page(`http://127.0.0.1:${monitorPort}/metrics`, monitorSaid)).toMatch(/^# TYPE /m);
    expect(await page(`http://127.0.0.1:${monitorPort}/`, monitorSaid)).toContain(
      "<title>strainflow monitor</title>",
    );

    // prometheus
    for (const name of ["prometheus.yml", "alerts.yml"])
      writeFileSync(join(folder, name), here(readFileSync(join(deploy, name), "utf8")));
    const prometheusSaid = start("prometheus", [
      ...(services["prometheus"]?.command ?? []).map((word) =>
        word.replace("/etc/prometheus", folder).replace("=/prometheus", `=${join(folder, "history")}`),
      ),
      `--web.listen-address=127.0.0.1:${prometheusPort}`,
    ]);
    const at = `http://127.0.0.1:${prometheusPort}`;
    await page(`${at}/-/ready`, prometheusSaid);
    const up = async (): Promise<unknown> =>
      JSON.parse(await page(`${at}/api/v1/query?query=up`, prometheusSaid));
    await expect.poll(up, { timeout: 40_000, interval: 500 }).toMatchObject({
      data: {
        result: expect.toSatisfy(
          (found: readonly { metric: { job: string }; value: [number, string] }[]) =>
            found.length === 2 && found.every(({ value: [, seen] }) => seen === "1"),
        ),
      },
    });
    const rules = JSON.parse(await page(`${at}/api/v1/rules`, prometheusSaid));
    expect(rules.data.groups[0].rules).toHaveLength(3);
  });
});
