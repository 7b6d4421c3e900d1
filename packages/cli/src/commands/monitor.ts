import {
  createCsvSink,
  createJsonLinesSink,
  createParquetSink,
  createPrometheusEndpoint,
  createPushgatewaySink,
  createTableSink,
  type MonitoredServer,
  type MonitorSample,
  type MonitorSink,
  monitorServers,
  parseServer,
  runSinks,
  sampleRecords,
} from "@strainflow/monitor";
import { isStrainflowError, StrainflowError } from "@strainflow/series";
import { type Command, InvalidArgumentError, Option } from "commander";
import { flagValue } from "../flag-values.ts";
import { afterHelp } from "../help-style.ts";
import { interruptible } from "../interrupt.ts";
import {
  type AccessFlags,
  accessOfFlags,
  addAccessAndConfigFlags,
  type ServerAccess,
} from "../server-access.ts";
import { createTerminal, type Terminal } from "../terminal.ts";

interface Listen {
  readonly host: string;
  readonly port: number;
}

interface Flags extends AccessFlags {
  readonly interval: number;
  readonly timeout: number;
  readonly duration?: number;
  readonly once?: boolean;
  readonly csv?: string;
  readonly parquet?: string;
  readonly jsonl?: string;
  readonly listen?: Listen;
  readonly push?: string;
  readonly pushInterval: number;
  readonly pushJob: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const EXAMPLE = `
A SERVER is where its metrics are: host (port 8002), host:port, or http://host:port/metrics. The steps of an
ensemble are told by the models' configurations, from gRPC at port 8001 of the same host; where it is elsewhere,
it is named after a comma.

Examples:
  $ strainflow monitor triton-1 triton-2
  $ strainflow monitor 127.0.0.1:9002,grpc://127.0.0.1:9001 --csv latency.csv
  $ strainflow monitor triton-1 --listen 127.0.0.1:9100 --push http://gateway:9091 --quiet
  $ strainflow monitor triton-1 --once --json

--csv has the columns of hermes' ServerMonitor. Files that are there are gone on with; none is written over.
Beside the servers stand clients that tell of themselves: a search with --listen, watched as http://host:port/metrics.
A server that is away is told, and asked again. Ctrl-C writes what is left, and ends with status 0 if any server
has answered.`;

/** `strainflow monitor` */
export function defineMonitor(command: Command): void {
  command
    .argument("<server...>", "host, host:port or http://host:port/metrics", servers)
    .addOption(time("--interval", "from one question to the next: 1s, 500ms, 2min", 1000, "1s"))
    .addOption(time("--timeout", "how long a server may take to answer", 5000, "5s"))
    .option("--duration <time>", "ends after so long (default: at Ctrl-C)", flagValue.milliseconds)
    .option("--once", "totals since the models were loaded, and end")
    .option("--csv <file>", "rows in the columns of hermes, in microseconds")
    .option("--parquet <file>", "all figures, in files that are always whole")
    .option("--jsonl <file>", "all figures, one JSON object per line")
    .option(
      "--listen <host:port>",
      "answer Prometheus there, and people: a page of all servers that changes by itself",
      listen,
    )
    .option("--push <url>", "push to a Pushgateway")
    .addOption(time("--push-interval", "from one push to the next", 10_000, "10s"))
    .option(
      "--push-job <name>",
      "its group there; monitors that push need different ones",
      "strainflow_monitor",
    )
    .option("--json", "one JSON object per line on stdout; all else on stderr")
    .option("-q, --quiet", "no table, nothing but warnings and errors");
  addAccessAndConfigFlags(command).addHelpText("after", afterHelp(EXAMPLE)).action(monitor);
}

async function monitor(watched: readonly MonitoredServer[], flags: Flags): Promise<void> {
  const terminal = createTerminal({ json: flags.json === true, quiet: flags.quiet === true });
  const access = await accessOfFlags(flags);
  await interruptible(
    (signal) =>
      watch(
        watched.map((server) => reached(server, access)),
        access,
        flags,
        terminal,
        signal,
      ),
    () => undefined,
  );
}

/** A server with whom we trust and who we are; by TLS, its metrics and models both. */
function reached(server: MonitoredServer, { address, credentials }: ServerAccess): MonitoredServer {
  const { metrics, models } = server;
  return {
    ...server,
    metrics: address(metrics),
    ...(models === undefined ? {} : { models: address(models) }),
    credentials,
  };
}

async function watch(
  watched: readonly MonitoredServer[],
  access: ServerAccess,
  flags: Flags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const ending = new AbortController();
  const end = (): void => ending.abort();
  signal.addEventListener("abort", end, { once: true });
  const answered = new Set<string>();
  const news = createNews(terminal, answered, hasTable(flags), access);
  const sinks: MonitorSink[] = [news];
  let timer: NodeJS.Timeout | undefined;
  try {
    await openSinks(flags, terminal, sinks);
    if (signal.aborted) end();
    if (flags.duration !== undefined) timer = setTimeout(end, flags.duration);
    const samples = monitorServers({
      servers: watched,
      intervalMs: flags.interval,
      timeoutMs: flags.timeout,
      once: flags.once === true,
      signal: ending.signal,
    });
    await runSinks(samples, sinks.splice(0));
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
    // Left here only where one of them could not be opened.
    for (const sink of sinks) await sink.close();
  }
  const missing = watched.map(({ name = "" }) => name).filter((name) => !answered.has(name));
  if (flags.once === true ? missing.length > 0 : answered.size === 0 && watched.length > 0)
    throw new StrainflowError(
      "server-unavailable",
      `${missing.map((name) => `${name}: ${news.why(name)}`).join("; ")}${flags.once === true ? "" : ", all the time"}; is it up, and are its metrics there?`,
    );
}

async function openSinks(flags: Flags, terminal: Terminal, sinks: MonitorSink[]): Promise<void> {
  const { csv, jsonl, parquet, push } = flags;
  if (csv !== undefined) sinks.push(await createCsvSink(csv));
  if (jsonl !== undefined) sinks.push(await createJsonLinesSink(jsonl));
  if (parquet !== undefined) {
    const sink = await createParquetSink(parquet);
    if (sink.paths[0] !== parquet)
      terminal.say("parquet", `${parquet} is there already; written is ${sink.paths[0]}`);
    sinks.push(sink);
  }
  if (flags.listen !== undefined) {
    const endpoint = await createPrometheusEndpoint(flags.listen);
    sinks.push(endpoint);
    terminal.say("Prometheus", endpoint.url);
    terminal.say("page", endpoint.pageUrl);
    terminal.record({ type: "listening", url: endpoint.url, page: endpoint.pageUrl });
    if (!["127.0.0.1", "localhost", "::1"].includes(flags.listen.host))
      terminal.warn(`listening on ${flags.listen.host}: whoever reaches this machine can read the figures`);
  }
  if (push !== undefined)
    sinks.push(
      createPushgatewaySink(push, {
        intervalMs: flags.pushInterval,
        job: flags.pushJob,
        onState: (state) =>
          state.ok
            ? terminal.warn(`${push} takes metrics again`)
            : terminal.warn(`${state.error.message}   [${state.error.tag}]`),
      }),
    );
  if (hasTable(flags)) sinks.push(createTableSink(flags.once === true ? { as: "end" } : {}));
}

interface News extends MonitorSink {
  /** Why a server has not answered. */
  why(server: string): string;
}

/** Records for programs, and warnings where there is no table to tell of them. */
function createNews(terminal: Terminal, answered: Set<string>, table: boolean, access: ServerAccess): News {
  const why = (error: Error): string => {
    const said = access.explain(error);
    return said instanceof Error ? said.message : error.message;
  };
  const away = new Set<string>();
  const reasons = new Map<string, string>();
  return {
    why: (server) => reasons.get(server) ?? "no answer",
    write(sample: MonitorSample) {
      if (sample.kind === "server" || sample.kind === "seen") {
        answered.add(sample.server);
        if (away.delete(sample.server) && !table) terminal.warn(`${sample.server} is back`);
      } else if (sample.kind === "away" && !away.has(sample.server)) {
        away.add(sample.server);
        reasons.set(sample.server, why(sample.error));
        if (!table) terminal.warn(`${why(sample.error)}; it is asked again   [${sample.error.tag}]`);
      } else if (sample.kind === "no-steps" && !table)
        terminal.warn(
          `${sample.server}: ensembles are not recognised: ${why(sample.error)}   [${sample.error.tag}]`,
        );
      for (const record of sampleRecords(sample)) terminal.record(record);
    },
    close: async () => undefined,
  };
}

function hasTable(flags: Flags): boolean {
  return flags.json !== true && flags.quiet !== true;
}

function servers(text: string, before: readonly MonitoredServer[] | undefined): MonitoredServer[] {
  try {
    return [...(before ?? []), parseServer(text)];
  } catch (error) {
    if (!isStrainflowError(error, "invalid-option")) throw error;
    throw new InvalidArgumentError(error.message.replace(/^.*?; /, ""));
  }
}

function time(name: string, description: string, ms: number, words: string): Option {
  return new Option(`${name} <time>`, description).argParser(flagValue.milliseconds).default(ms, words);
}

function listen(text: string): Listen {
  const match = /^(?:(.+):)?(\d+)$/.exec(text);
  const host = (match?.[1] ?? "127.0.0.1").replace(/^\[|\]$/g, "");
  if (match === null) throw new InvalidArgumentError("it must be host:port, like 127.0.0.1:9100");
  return { host, port: flagValue.port(match[2] ?? "") };
}
