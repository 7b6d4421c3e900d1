import { setTimeout as pause } from "node:timers/promises";
import { type LaunchedServer, launch, type ServerEvent } from "@strainflow/launch";
import { openRepository } from "@strainflow/repository";
import { StrainflowError } from "@strainflow/series";
import { connect } from "@strainflow/triton";
import type { Command } from "commander";
import { buildDetector } from "../detector.ts";
import { addDetectorFlags, type DetectorFlags, describeShape, shapeOfFlags } from "../detector-flags.ts";
import { flagValue } from "../flag-values.ts";
import { afterHelp } from "../help-style.ts";
import { imageFolderOf } from "../image-folder.ts";
import { interruptible } from "../interrupt.ts";
import { addPlacementFlags, type PlacementFlags, placementOfFlags } from "../placement-flags.ts";
import { createScratchFolder } from "../scratch-folder.ts";
import { isGuarded, reachingFlags } from "../serve-embedded.ts";
import { addHandlerFlags, checkHandlerFlags, type HandlerFlags, runHandler } from "../serve-handler.ts";
import {
  addRuntimeFlags,
  checkRuntimeFlags,
  isLoopback,
  launchOptionsOf,
  type RuntimeFlags,
} from "../serve-runtime.ts";
import { createTerminal, type Terminal } from "../terminal.ts";

interface Flags extends DetectorFlags, PlacementFlags, RuntimeFlags, HandlerFlags {
  readonly repository?: string;
  readonly host: string;
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly http: boolean;
  readonly config?: string;
  readonly readyTimeout?: number;
  readonly log?: boolean | string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const EXAMPLE = `
Examples:
  $ strainflow serve                              # the built-in detector
  $ strainflow serve --repository models --workers 4
  $ strainflow serve --repository models --processes 4 --trace-otlp http://127.0.0.1:4318 --trace-level timestamps
  $ strainflow serve --repository models --runtime triton --python .venv --gpus 0
  $ strainflow serve --repository models --runtime apptainer --image tritonserver-24.10.sif
  $ strainflow serve --repository s3://bucket/models --runtime docker --image nvcr.io/nvidia/tritonserver:24.10-py3
  $ strainflow serve --handler score.ts --workers 4 --http-port 8081
  $ strainflow serve --handler score.ts --processes 2 --workers 1
  $ strainflow replay strain/*.hdf5 --server grpc://127.0.0.1:8001

Ctrl-C lets open streams go on for up to 2 s, answers what is under way, and ends; a Triton takes what time it needs,
up to 15 s. Nothing of the server is left, also when this command is killed.`;

/** How long a server may take over its last answers before it is killed, in milliseconds. */
const STOP_MS = 15_000;

/** `strainflow serve` */
export function defineServe(command: Command): void {
  command
    .option(
      "--repository <folder>",
      "model repository; for a Triton also s3://, gs://, as:// (default: one made here, of the built-in detector)",
    )
    .option("--grpc-port <port>", "0 takes a free one", flagValue.port, 8001)
    .option("--http-port <port>", "0 takes a free one", flagValue.port, 8000)
    .option("--no-http", "gRPC only")
    .option(
      "--host <address>",
      "where to listen; 0.0.0.0 for all that can reach this machine, with --insecure",
      "127.0.0.1",
    )
    .option("--insecure", "let whoever reaches --host use the models; there is no password")
    .option(
      "--ready-timeout <s>",
      "how long it may take to load its models (default: 60; in a container 300)",
      flagValue.positive,
    )
    .option("--log [file]", "show what the server logs, or write it to the end of a file")
    .option(
      "-c, --config <file>",
      "settings, of which imageFolder is taken (default: strainflow.config.* here, if any)",
    )
    .option("--json", "one JSON object per line on stdout; all else on stderr")
    .option("-q, --quiet", "say nothing but warnings and errors");
  addHandlerFlags(addRuntimeFlags(command));
  addPlacementFlags(addDetectorFlags(command)).addHelpText("after", afterHelp(EXAMPLE)).action(serve);
}

async function serve(given: Flags): Promise<void> {
  const flags = await withImageFolder(given);
  checkRuntimeFlags(flags);
  checkHandlerFlags(flags);
  const { handler } = flags;
  const terminal = createTerminal({ json: flags.json === true, quiet: flags.quiet === true });
  await interruptible(
    (signal) =>
      handler === undefined
        ? serveModels(flags, terminal, signal)
        : runHandler({ ...flags, handler }, terminal, signal),
    (text) => terminal.warn(text),
    "stopping: open streams are drained",
  );
}

/** The image folder of the settings, where an image may lie in one and no flag says which. */
async function withImageFolder(flags: Flags): Promise<Flags> {
  if (flags.runtime !== "apptainer") return flags;
  const imageFolder = await imageFolderOf(flags);
  return imageFolder === undefined ? flags : { ...flags, imageFolder };
}

async function serveModels(flags: Flags, terminal: Terminal, signal: AbortSignal): Promise<void> {
  const shape = flags.repository === undefined ? shapeOfFlags(flags) : undefined;
  const scratch = shape === undefined ? undefined : await createScratchFolder("models");
  const repository = flags.repository ?? scratch?.path ?? "";
  try {
    if (shape !== undefined) {
      terminal.say("model", describeShape(shape));
      await buildDetector(repository, shape, placementOfFlags(flags));
    }
    // What lies in a store is Triton's to read.
    const names =
      flags.runtime !== "embedded" && /^\w+:\/\//.test(repository)
        ? undefined
        : await (await openRepository(repository)).list();
    if (names?.length === 0)
      throw new StrainflowError(
        "no-model",
        `${repository} holds no models; make one with \`strainflow model build\``,
      );
    await run(flags, repository, names, terminal, signal);
  } finally {
    await scratch?.remove();
  }
}

async function run(
  flags: Flags,
  repository: string,
  listed: readonly string[] | undefined,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const { host, grpcPort, readyTimeout } = flags;
  const log = flags.log === true ? (line: string) => terminal.line(line) : flags.log;
  const options = launchOptionsOf(flags, {
    repository,
    host,
    grpcPort,
    httpPort: flags.http && flags.httpPort,
    ...(log === undefined || log === false ? {} : { log }),
    ...(readyTimeout === undefined ? {} : { readyTimeoutMs: readyTimeout * 1000 }),
    stopTimeoutMs: STOP_MS,
    signal,
    onEvent: (event) => signal.aborted || tellEvent(event, terminal),
  });
  const server = await launch({ ...options, supervise: true });
  try {
    // Who has no token and no certificate is told nothing of the models.
    const told = flags.tlsCert !== undefined || flags.tokenFile !== undefined ? (listed ?? []) : undefined;
    const names = told ?? (await tellModels(server, listed, terminal));
    terminal.say("gRPC", server.address);
    if (server.httpAddress !== undefined) terminal.say("HTTP", server.httpAddress);
    if (server.metricsAddress !== undefined) terminal.say("metrics", server.metricsAddress);
    const reach = reachingFlags(flags);
    if (reach !== "") terminal.say("clients", `--server ${server.address} ${reach}`);
    if (!isLoopback(host) && !isGuarded(flags))
      terminal.warn(
        `listening on ${host}: whoever reaches this machine can use the models; there is no password`,
      );
    terminal.record({
      type: "ready",
      grpc: server.address,
      http: server.httpAddress ?? null,
      metrics: server.metricsAddress ?? null,
      pid: server.pid,
      models: names,
    });
    const stopped = new Promise<undefined>((resolve) => {
      if (signal.aborted) resolve(undefined);
      signal.addEventListener("abort", () => resolve(undefined), { once: true });
    });
    const exit = await Promise.race([stopped, server.exited]);
    if (exit !== undefined)
      throw new StrainflowError(
        "server-lost",
        `the server cannot be kept alive; its last words: ${exit.lastLines.at(-1) ?? "none"}`,
      );
    if (flags.runtime === "embedded") await drain(server);
    else await server.close();
    terminal.say("stopped", "all streams are closed");
  } finally {
    await server.close();
  }
}

/** SIGTERM is what our server drains on; only after it has been heard is its input closed, which ends it at once. */
async function drain(server: LaunchedServer): Promise<void> {
  try {
    process.kill(server.pid, "SIGTERM");
  } catch {
    return;
  }
  await Promise.race([server.exited, pause(100)]);
}

/** @returns the names of the models */
async function tellModels(
  server: LaunchedServer,
  listed: readonly string[] | undefined,
  terminal: Terminal,
): Promise<readonly string[]> {
  const client = await connect(server.address);
  try {
    const names = listed ?? (await client.statistics()).map(({ name }) => name);
    for (const name of names) {
      const { platform, inputs, outputs } = await client.modelMetadata(name);
      const show = (
        tensors: readonly { readonly name: string; readonly shape: readonly bigint[] }[],
      ): string => tensors.map((tensor) => `${tensor.name} [${tensor.shape.join(", ")}]`).join(", ");
      terminal.say("serving", `${name} (${platform}): ${show(inputs)} → ${show(outputs)}`);
    }
    return names;
  } finally {
    client.close();
  }
}

function tellEvent(event: ServerEvent, terminal: Terminal): void {
  if (event.kind === "waiting" || event.kind === "warning") terminal.warn(event.message);
  else if (event.kind === "died") terminal.warn(event.message);
  else if (event.kind === "restarting") terminal.warn(`server is started again, attempt ${event.attempt}`);
  else if (event.kind === "ready" && event.restarts > 0)
    terminal.warn(`server is back on its ports (process ${event.pid})`);
}
