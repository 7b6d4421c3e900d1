import {
  type LatencyGoal,
  type LevelResult,
  type LoadTestResult,
  loadTestSideBySide,
  loadText,
} from "@strainflow/loadtest";
import { StrainflowError } from "@strainflow/series";
import { type Command, Option } from "commander";
import { flagValue } from "../flag-values.ts";
import { afterHelp } from "../help-style.ts";
import { interruptible } from "../interrupt.ts";
import {
  headerFlag,
  inputFlag,
  latencyGoal,
  loadsOf,
  namedFile,
  percent,
  processesFlag,
  type RangeList,
  rangeList,
  shapeFlag,
} from "../loadtest-flags.ts";
import { checkOutputs, type OutputFlags, readEarlier, writeOutputs } from "../loadtest-output.ts";
import { levelLines, progressText, time } from "../loadtest-table.ts";
import { type TargetFlags, targetOf } from "../loadtest-target.ts";
import {
  type AccessFlags,
  accessOfFlags,
  addAccessAndConfigFlags,
  fixedCredentials,
} from "../server-access.ts";
import { createTerminal, type Terminal } from "../terminal.ts";

interface Flags extends TargetFlags, OutputFlags, AccessFlags {
  readonly concurrency?: RangeList;
  readonly rate?: RangeList;
  readonly poisson?: boolean;
  readonly intervals?: string;
  readonly goal?: LatencyGoal;
  readonly search?: "binary" | "linear";
  readonly warmup: number;
  readonly window: number;
  readonly maxWindows: number;
  readonly stability: number;
  readonly processes: number | "auto";
  readonly maxInFlight: number;
  readonly timeout: number;
  readonly seed: number;
  readonly against?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const EXAMPLE = `
A SERVER is grpc://host:port or http://host:port of any KServe v2 server; without --model it is the URL of any
HTTP handler. Several are measured by turns and shown side by side.

Examples:
  $ strainflow loadtest grpc://127.0.0.1:8001 -m net --concurrency 1:16
  $ strainflow loadtest 127.0.0.1:8001 -m net --concurrency 1:64 --goal p99=20ms --report net.html
  $ strainflow loadtest 127.0.0.1:8001 -m stream --streaming --rate 200:2000:200 --poisson --check first
  $ strainflow loadtest grpc://a:8001 grpc://b:8001 -m net --concurrency 1,2,4,8 --csv perf.csv --report ab.html
  $ strainflow loadtest http://127.0.0.1:8080/predict --rate 5000 --body '{"x": [1, 2]}' --processes auto

Each load is measured until three windows agree. With a rate, latency counts from when a request was due: waiting for
a server that stalls is part of it. Failed requests and wrong answers end with status 4, Ctrl-C keeps what is done.`;

/** `strainflow loadtest` */
export function defineLoadtest(command: Command): void {
  command
    .argument("<server...>", "servers, or URLs of HTTP handlers")
    .option("-m, --model <name>", "the model; without it, the servers are handlers")
    .option("--model-version <n>", "its version (default: the server's choice)")
    .option("-c, --concurrency <range>", "requests under way: 1:16:2 or 1,2,4,8 (default: 1)", rangeList)
    .option("-r, --rate <range>", "requests per second: 100:1000:100", rangeList)
    .option("--poisson", "at a rate, but as from many who do not know of each other")
    .option("--intervals <file>", "gaps between requests, in microseconds, one per line")
    .option("--streaming", "requests on a stream (default: where the model is decoupled)")
    .option("-b, --batch <n>", "rows of a request", flagValue.whole(1), 1)
    .option(
      "-i, --input <what>",
      "random, zero, perf_analyzer's file.json, or name=file.npy (default: random)",
      inputFlag,
    )
    .option("--expect <name=file.npy>", "what an output must be, for --input name=file.npy", namedFile)
    .option("--shape <name:sizes>", "sizes where the model leaves them open: x:3,224", shapeFlag)
    .addOption(
      new Option("--check <how>", "answers against the file's, or the first one to the same data").choices([
        "expected",
        "first",
        "none",
      ]),
    )
    .option(
      "--tolerance <x>",
      "relative, for floating-point outputs (default: to the last bit)",
      flagValue.number,
    )
    .option(
      "--sequences <n>",
      "open sequences at a rate (default: 4 where the model has them)",
      flagValue.whole(1),
    )
    .option("--no-sequences", "requests without sequences")
    .option("--sequence-length <n>", "requests of a sequence (default: 20)", flagValue.whole(1))
    .option("--sequence-length-variation <%>", "around that length (default: 20)", percent)
    .option("--sequence-start-id <n>", "the first id (default: random)", flagValue.whole(1))
    .option("--sequence-id-range <n>", "ids before the first is taken again", flagValue.whole(1))
    .option("--sequence-id-prefix <text>", "ids as text that begins so")
    .option("--goal <p99=20ms>", "find the highest load within it", latencyGoal)
    .addOption(new Option("--search <how>", "for the goal (default: binary)").choices(["binary", "linear"]))
    .addOption(
      new Option("--warmup <time>", "load before anything counts")
        .argParser(flagValue.milliseconds)
        .default(1000, "1s"),
    )
    .addOption(
      new Option("--window <time>", "length of one look")
        .argParser(flagValue.milliseconds)
        .default(2000, "2s"),
    )
    .option("--max-windows <n>", "before it is called not steady", flagValue.whole(1), 10)
    .addOption(
      new Option("--stability <%>", "how far three windows may lie from their mean")
        .argParser(percent)
        .default(0.1, "10"),
    )
    .option("--processes <n>", "that send; auto: more where one is too slow", processesFlag, 1)
    .option("--max-in-flight <n>", "under way at a rate; others wait", flagValue.whole(1), 1024)
    .addOption(
      new Option("--timeout <time>", "how long an answer may take")
        .argParser(flagValue.milliseconds)
        .default(30_000, "30s"),
    )
    .option("--seed <n>", "of inputs, arrivals and lengths", flagValue.whole(0), 1)
    .option("--body <text>", "for a handler: text, or @file")
    .option("--method <verb>", "for a handler (default: POST with a body, else GET)")
    .option("-H, --header <name: value>", "sent with every request", headerFlag)
    .option("--csv <file>", "in perf_analyzer's columns")
    .option("--out <file>", "all figures as JSON, to compare with later")
    .option("--report <file>", "a page with curves")
    .option("--against <file>", "an earlier --out, shown beside this one")
    .option("--json", "one JSON object per line on stdout; all else on stderr")
    .option("-q, --quiet", "say nothing but warnings and errors");
  addAccessAndConfigFlags(command).addHelpText("after", afterHelp(EXAMPLE)).action(loadtest);
}

async function loadtest(servers: readonly string[], flags: Flags): Promise<void> {
  const terminal = createTerminal({ json: flags.json === true, quiet: flags.quiet === true });
  await interruptible(
    (signal) => run(servers, flags, terminal, signal),
    (text) => terminal.warn(text),
  );
}

async function run(
  servers: readonly string[],
  flags: Flags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const earlier = await readEarlier(flags.against);
  const loads = await loadsOf(flags);
  const access = await accessOfFlags(flags);
  // Processes that send are given no functions.
  const told = { credentials: await fixedCredentials(access), address: access.address };
  const targets = await Promise.all(servers.map((server) => targetOf(server, flags, told)));
  await checkOutputs(flags);
  let levels = 0;
  const results = await loadTestSideBySide(targets, {
    loads,
    warmupMs: flags.warmup,
    windowMs: flags.window,
    maxWindows: flags.maxWindows,
    stability: flags.stability,
    processes: flags.processes,
    maxInFlight: flags.maxInFlight,
    timeoutMs: flags.timeout,
    seed: flags.seed,
    ...(flags.goal === undefined ? {} : { goal: flags.goal }),
    ...(flags.search === undefined ? {} : { search: flags.search }),
    signal,
    onProgress: (progress) => terminal.progress(progressText(progress, terminal.columns)),
    onLevel: (level, subject) => {
      if (servers.length > 1) terminal.say("server", subject.address);
      for (const line of levelLines(level, terminal.columns, levels++ === 0 || servers.length > 1))
        terminal.line(line);
      tellFaults(level, terminal);
      terminal.record({ type: "level", subject: subject.name, ...level });
    },
  }).catch((error: unknown) => {
    throw access.explain(error);
  });
  tellGoal(results, flags.goal, terminal);
  for (const path of await writeOutputs(results, earlier, flags)) terminal.say("written", path);
  for (const { levels, ...rest } of results)
    terminal.record({ type: "result", ...rest, levels: levels.length });
  if (signal.aborted) throw new StrainflowError("aborted", "stopped; what was measured until then is kept");
  failIfWrong(results);
}

function tellFaults(level: LevelResult, terminal: Terminal): void {
  const { generator, wrong, wrongs, failed, unanswered, errors, steady, windows } = level;
  const name = loadText(level.load);
  if (!steady) terminal.warn(`${name}: not steady after ${windows.length} windows`);
  if (wrong > 0)
    terminal.warn(`${name}: ${wrong} of ${level.requests} answers are wrong: ${wrongs[0] ?? ""}`);
  if (failed > 0)
    terminal.warn(`${name}: ${failed} of ${level.requests} requests failed: ${errors[0]?.message ?? ""}`);
  if (unanswered > 0)
    terminal.warn(`${name}: ${unanswered} requests were not answered in the time that was waited for them`);
  if (generator.bottleneck !== undefined) terminal.warn(`${name}: ${generator.bottleneck}`);
}

function tellGoal(
  results: readonly LoadTestResult[],
  goal: LatencyGoal | undefined,
  terminal: Terminal,
): void {
  if (goal === undefined) return;
  const words = `p${goal.percentile ?? 99} ≤ ${time(goal.latencyMs)}`;
  for (const { levels, best, subject } of results) {
    const level = best === undefined ? undefined : levels[best];
    const found =
      level === undefined
        ? "no load meets it"
        : `${loadText(level.load)}: ${Math.round(level.inferencesPerSecond)} inferences/s`;
    terminal.say("goal", `${words}: ${found}${results.length > 1 ? ` (${subject.address})` : ""}`);
  }
}

/** Figures of a server that fails, or answers wrongly, are none that a script should go on with. */
function failIfWrong(results: readonly LoadTestResult[]): void {
  const count = (pick: (level: LevelResult) => number): number =>
    results.reduce((sum, { levels }) => sum + levels.reduce((own, level) => own + pick(level), 0), 0);
  const faults = [
    [count(({ failed }) => failed), "requests failed"],
    [count(({ wrong }) => wrong), "answers were wrong"],
  ] as const;
  const said = faults.filter(([times]) => times > 0).map(([times, what]) => `${times} ${what}`);
  const silent = results
    .flatMap(({ levels }) => levels)
    .find(({ requestsPerSecond }) => requestsPerSecond === 0);
  if (silent !== undefined) said.push(`no answer at all with ${loadText(silent.load)}`);
  if (said.length > 0) throw new StrainflowError("loadtest-failed", said.join(", "));
  const missed = results.find(({ goal, best }) => goal !== undefined && best === undefined);
  if (missed !== undefined)
    throw new StrainflowError("loadtest-goal", `${missed.subject.name}: no load meets the goal`);
}
