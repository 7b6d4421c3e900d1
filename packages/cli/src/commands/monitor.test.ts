import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, CommanderError } from "commander";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addCommands } from "../command-list.ts";
import { exitCodeOf, exitCodes } from "../exit-code.ts";
import { built, runCommand, startCommand } from "../testing/run-command.ts";

let folder = "";
let requests = 0;
/** A server of Triton's metrics that has answered four requests more each time it is asked. */
const server = createServer((_, response) => {
  requests += 4;
  const labels = '{model="net",version="1"}';
  const page = [
    ["request_success", requests],
    ["count", requests * 2],
    ["exec_count", requests],
    ["request_duration_us", requests * 2500],
    ["queue_duration_us", requests * 500],
    ["compute_input_duration_us", 0],
    ["compute_infer_duration_us", requests * 2000],
    ["compute_output_duration_us", 0],
  ];
  response.end(page.map(([name, value]) => `nv_inference_${name}${labels} ${value}\n`).join(""));
});
let at = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "strainflow-monitor-command-"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  // Its configurations are looked for where nobody is: the rest goes on without them.
  at = `127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0},127.0.0.1:1`;
});
afterAll(async () => {
  server.close();
  server.closeAllConnections();
  await rm(folder, { recursive: true, force: true });
});

const suite = built || process.env["STRAINFLOW_REQUIRE"] === "all" ? describe : describe.skip;

suite("the built command `monitor` (needs `npx tsc -b`)", () => {
  test("gives totals once, as a table and as JSON; a server that is not there has its own status", async () => {
    const [table, json, none, both] = await Promise.all([
      runCommand(["monitor", "--once", at]),
      runCommand(["monitor", "--once", "--json", at]),
      runCommand(["monitor", "--once", "127.0.0.1:1"]),
      runCommand(["monitor", "--once", "--json", at, "127.0.0.1:1"]),
    ]);
    expect([table, json, none, both].map(({ code }) => code)).toEqual([
      0,
      0,
      exitCodes.server,
      exitCodes.server,
    ]);
    expect(table.stdout).toMatch(/requests +inf +batch +request/);
    expect(table.stdout).toMatch(/^ {2}net .* 2 +2\.5 ms +500 µs/m);
    expect(json.records).toContainEqual(
      expect.objectContaining({
        type: "model",
        model: "net",
        averages: expect.objectContaining({ requestUs: 2500 }),
      }),
    );
    expect(json.stderr).toContain("[models-unreachable]");
    expect(none.stdout).toMatch(/127\.0\.0\.1:1 {3}away: .*ECONNREFUSED/);
    expect(none.stderr).toMatch(/✗ 127\.0\.0\.1:1: .*ECONNREFUSED.*\[server-unavailable\]\n$/);
    expect(both.records.map(({ type }) => type)).toEqual(expect.arrayContaining(["model", "away"]));
  });

  test("writes until Ctrl-C, answers Prometheus meanwhile, and ends in order", async () => {
    const files = ["csv", "jsonl", "parquet"].map((kind) => join(folder, `out.${kind}`));
    const [csv = "", jsonl = "", parquet = ""] = files;
    const command = startCommand([
      ..."monitor --json --interval 20ms --listen 127.0.0.1:0".split(" "),
      ...["--csv", csv, "--jsonl", jsonl, "--parquet", parquet, at, "127.0.0.1:1"],
    ]);
    const { url } = await command.record("listening");
    await command.record("model");
    const page = await (await fetch(String(url))).text();
    expect(page).toMatch(/^strainflow_model_requests_total\{.*model="net",version="1"\} \d+$/m);
    expect(page).toContain('strainflow_server_up{server="127.0.0.1:1"} 0');
    command.child.kill("SIGINT");
    const { code, records, stderr } = await command.finished;
    expect(code, stderr).toBe(0);
    const told = records.filter(({ type }) => type === "model").length;
    const rows = (await readFile(csv, "utf8")).trimEnd().split("\n");
    expect(rows).toHaveLength(told + 1);
    expect(rows.at(-1)).toMatch(/^[\d.]+,127\.0\.0\.1:\d+,net,4,2000,0,8000,0,10000$/);
    const lines = (await readFile(jsonl, "utf8")).trimEnd().split("\n");
    expect(lines.filter((line) => line.includes('"type":"model"'))).toHaveLength(told);
    expect((await readFile(parquet)).subarray(-4).toString()).toBe("PAR1");
    expect(stderr).toMatch(
      /! .*127\.0\.0\.1:1\/metrics cannot be reached .*it is asked again {3}\[metrics-unreachable\]/,
    );
  });

  test("prints plain lines where there is no terminal, and ends after its duration", async () => {
    const { code, stdout, stderr } = await runCommand([
      "monitor",
      "--interval",
      "50ms",
      "--duration",
      "4s",
      at,
    ]);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(
      /^\d\d:\d\d:\d\d {2}127\.0\.0\.1:\d+ {3}net {3}\S+ req\/s {3}batch 2 {3}request 2\.5 ms/m,
    );
    expect(stdout).not.toContain("\u001b");
  });
});

describe("what cannot be used, written or listened on is told, each with its own status:", () => {
  const { usage, output, server: refused } = exitCodes;
  const busy = (): string => at.split(",")[0] ?? "";
  test.each<[string, () => readonly string[], number, string]>([
    ["no server", () => [], usage, "missing required argument"],
    ["no address", () => ["ftp://x"], usage, "http://host:port/metrics"],
    ["no time", () => [at, "--interval", "soon"], usage, "it must be a time like 500ms"],
    ["a server twice", () => [at, at], usage, "one time only"],
    ["no URL", () => [at, "--push", "gateway"], usage, "http://127.0.0.1:9091"],
    ["a file with other columns", () => [at, "--csv", join(folder, "other.csv")], output, "other columns"],
    ["a port that is taken", () => [at, "--listen", busy()], refused, "choose another port"],
  ])("%s", async (_, args, code, said) => {
    await writeFile(join(folder, "other.csv"), "something,else\n");
    const program = new Command("strainflow")
      .exitOverride()
      .configureOutput({ outputError: () => undefined });
    await addCommands(program, ["monitor"]);
    for (const command of program.commands) command.exitOverride();
    const error: unknown = await program.parseAsync(["monitor", ...args()], { from: "user" }).then(
      () => undefined,
      (failure: unknown) => failure,
    );
    expect(error).toBeInstanceOf(Error);
    expect(error instanceof CommanderError ? usage : exitCodeOf(error)).toBe(code);
    expect(error instanceof Error && error.message).toContain(said);
    expect(await readFile(join(folder, "other.csv"), "utf8")).toBe("something,else\n");
  });
});
