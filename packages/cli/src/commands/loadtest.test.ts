import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LevelResult } from "@strainflow/loadtest";
import { Command, CommanderError } from "commander";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addCommands } from "../command-list.ts";
import { exitCodeOf, exitCodes } from "../exit-code.ts";
import { latencyGoal, rangeList } from "../loadtest-flags.ts";
import { levelLines, progressText } from "../loadtest-table.ts";
import { built, runCommand, startCommand } from "../testing/run-command.ts";

let folder = "";
let url = "";
/** A handler that doubles; at /odd every other answer is wrong, at /down none is right. */
const server = createServer((request, response) => {
  let body = "";
  request
    .on("data", (part) => (body += part))
    .on("end", () => {
      asked++;
      if (request.url === "/down") response.writeHead(500);
      response.end(request.url === "/odd" && asked % 2 === 0 ? "odd" : `{"y":${2 * Number(body || 1)}}`);
    });
});
let asked = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "strainflow-loadtest-command-"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
});
afterAll(async () => {
  server.close();
  server.closeAllConnections();
  await rm(folder, { recursive: true, force: true });
});

const quick = ["--warmup", "20ms", "--window", "100ms", "--max-windows", "2"];

test("ranges and goals are read as perf_analyzer's and as people write them", () => {
  expect(rangeList("1:16:2,32").ranges).toEqual([
    { start: 1, end: 16, step: 2 },
    { start: 32, end: 32, step: 1 },
  ]);
  for (const text of ["", "0", "4:1", "1:2:3:4", "a", "1:", "1:4:0"])
    expect(() => rangeList(text), text).toThrow();
  expect(latencyGoal("p99.9<=1.5s")).toEqual({ percentile: 99.9, latencyMs: 1500 });
  expect(latencyGoal("20ms")).toEqual({ percentile: 99, latencyMs: 20 });
  for (const text of ["p99", "p0=1ms", "p101=1ms", "5", "0ms"])
    expect(() => latencyGoal(text), text).toThrow();
});

test("levels fit any terminal, at last as a list", () => {
  const latency = {
    count: 9,
    meanMs: 1,
    deviationMs: 1,
    minMs: 1,
    p50Ms: 0.8,
    p90Ms: 12,
    p95Ms: 1,
    p99Ms: 345,
    p999Ms: 1,
    maxMs: 1200,
  };
  const level: LevelResult = {
    load: { kind: "concurrency", concurrency: 4 },
    steady: true,
    windows: [],
    seconds: 1,
    requests: 9,
    failed: 0,
    wrong: 0,
    unanswered: 0,
    responses: 9,
    requestsPerSecond: 9,
    inferencesPerSecond: 9,
    latency,
    generator: { processes: 1, utilization: 0, held: 0, sendUs: 0 },
    errors: [],
    wrongs: [],
  };
  expect(levelLines(level, 100, true)).toEqual([
    "  load                inf/s       p50       p90       p99       max     queue     infer   batch",
    "  concurrency 4           9    800 µs     12 ms    345 ms     1.2 s         –         –       –",
  ]);
  for (let width = 20; width < 120; width++)
    for (const line of levelLines(level, width, true))
      expect(line.length, line).toBeLessThanOrEqual(Math.max(width, 20));
  expect(levelLines(level, 30, false)[0]).toBe("  concurrency 4");
  const progress = {
    load: level.load,
    window: 2,
    maxWindows: 10,
    last: { seconds: 1, answered: 9, requestsPerSecond: 1234, latencyMs: 3.2 },
  };
  expect(progressText(progress, 100)).toBe(
    "  loadtest    concurrency 4   window 2 (at most 10)   1234 requests/s   3.2 ms",
  );
  for (const columns of [20, 40, 60]) expect(progressText(progress, columns).length).toBeLessThan(columns);
});

describe("what cannot be used is told, each with its own status:", () => {
  const { usage, input, server: refused, output } = exitCodes;
  test.each<[string, () => readonly string[], number, string]>([
    ["no server", () => [], usage, "missing required argument"],
    ["two kinds of load", () => [url, "--rate", "5", "--concurrency", "2"], usage, "three kinds of load"],
    ["no range", () => [url, "--rate", "fast"], usage, "start:end:step"],
    ["poisson without a rate", () => [url, "--poisson"], usage, "--poisson is how"],
    ["no goal", () => [url, "--goal", "fast"], usage, "p99=20ms"],
    ["a server without a model", () => ["127.0.0.1:1"], usage, "give --model"],
    ["a body for a model", () => [url, "-m", "net", "--body", "1"], usage, "--body is for HTTP handlers"],
    [
      "gaps that are none",
      () => [url, "--intervals", join(folder, "gaps.txt")],
      input,
      'line 2: "x" is no gap',
    ],
    ["no earlier results", () => [url, "--against", join(folder, "gaps.txt")], input, "holds no results"],
    ["a file that cannot be", () => [url, "--csv", join(folder, "no", "a.csv")], output, "cannot be written"],
    ["requests that fail", () => [`${url}/down`, ...quick], refused, "requests failed"],
    ["wrong answers", () => [`${url}/odd`, "--check", "first", ...quick], refused, "answers were wrong"],
    [
      "a goal that no load meets",
      () => [url, "--goal", "p50=1us", ...quick],
      refused,
      "no load meets the goal",
    ],
  ])("%s", async (_, args, code, said) => {
    await writeFile(join(folder, "gaps.txt"), "100\nx\n");
    const program = new Command("strainflow")
      .exitOverride()
      .configureOutput({ outputError: () => undefined });
    await addCommands(program, ["loadtest"]);
    for (const command of program.commands) command.exitOverride();
    const error: unknown = await program.parseAsync(["loadtest", "-q", ...args()], { from: "user" }).then(
      () => undefined,
      (failure: unknown) => failure,
    );
    expect(error).toBeInstanceOf(Error);
    expect(error instanceof CommanderError ? usage : exitCodeOf(error)).toBe(code);
    expect(error instanceof Error && error.message).toContain(said);
  });
});

const suite = built || process.env["STRAINFLOW_REQUIRE"] === "all" ? describe : describe.skip;

suite("the built command `loadtest` (needs `npx tsc -b`)", () => {
  test("writes a table, CSV, JSON and a page, and shows an earlier run beside it", async () => {
    const at = (name: string): string => join(folder, name);
    const files = ["--csv", at("perf.csv"), "--out", at("perf.json"), "--report", at("perf.html")];
    const args = ["loadtest", url, "--rate", "50,100", "--body", "21", ...quick, ...files];
    const { code, stdout, stderr } = await runCommand(args);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^ {2}load +inf\/s +p50/m);
    expect(stdout).toMatch(/^ {2}100 requests\/s +\d/m);
    expect(await readFile(at("perf.csv"), "utf8")).toMatch(
      /^Request Rate,Inferences\/Second,.*\n50,[\d.]+,.*\n100,[\d.]+,/,
    );
    const again = [
      "loadtest",
      url,
      "--json",
      ...quick,
      "--against",
      at("perf.json"),
      "--report",
      at("both.html"),
    ];
    const second = await runCommand(again);
    expect(second.code, second.stderr).toBe(0);
    expect(second.records.map(({ type }) => type)).toEqual(["level", "result"]);
    expect(await readFile(at("both.html"), "utf8")).toContain("50 requests/s");
  });

  test("keeps what is done at Ctrl-C", async () => {
    const out = join(folder, "stopped.json");
    const args = [
      "loadtest",
      url,
      "--json",
      "-c",
      "1:50",
      "--warmup",
      "20ms",
      "--window",
      "100ms",
      "--out",
      out,
    ];
    const { child, record, finished } = startCommand(args);
    await record("level");
    child.kill("SIGINT");
    const { code, stderr, records } = await finished;
    expect(code, stderr).toBe(exitCodes.interrupted);
    const levels = records.filter(({ type }) => type === "level").length;
    const { results } = JSON.parse(await readFile(out, "utf8")) as {
      results: { levels: unknown[]; stopped: boolean }[];
    };
    expect(results[0]?.levels).toHaveLength(levels);
    expect(results[0]?.stopped).toBe(true);
    expect(stderr).toContain("kept");
  });
});
