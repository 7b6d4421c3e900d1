import { setTimeout as pause } from "node:timers/promises";
import { type LaunchedServer, launch, type ServerEvent } from "@strainflow/launch";
import { openRepository } from "@strainflow/repository";
import { StrainflowError } from "@strainflow/series";
import { connect } from "@strainflow/triton";
import type { Command } from "commander";
import { buildDetector } from "../detector.ts";
import { addDetectorFlags, type DetectorFlags, describeShape, shapeOfFlags } from "../detector-flags.ts";
import { flagValue } from "../flag-values.ts";
import { interruptible } from "../interrupt.ts";
import { createScratchFolder } from "../scratch-folder.ts";
import { createTerminal, type Terminal } from "../terminal.ts";

interface Flags extends DetectorFlags {
  readonly repository?: string;
  readonly host: string;
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly http: boolean;
  readonly workers?: number;
  readonly log?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const EXAMPLE = `
Examples:
  $ strainflow serve                              # the built-in detector
  $ strainflow serve --repository models --workers 4
  $ strainflow replay strain/*.hdf5 --server grpc://127.0.0.1:8001

Ctrl-C lets open streams go on for up to 2 s, answers what is under way, and ends.`;

/** How long a server may take over its last answers before it is killed, in milliseconds. */
const STOP_MS = 15_000;

/** `strainflow serve` */
export function addServe(program: Command): void {
  const command = program
    .command("serve")
    .description("serve models over Triton's protocol, gRPC and HTTP, until Ctrl-C")
    .option("--repository <folder>", "model repository (default: one made here, of the built-in detector)")
    .option("--grpc-port <port>", "0 takes a free one", flagValue.port, 8001)
    .option("--http-port <port>", "0 takes a free one", flagValue.port, 8000)
    .option("--no-http", "gRPC only")
    .option("--host <address>", "where to listen; 0.0.0.0 for all that can reach this machine", "127.0.0.1")
    .option("--workers <n>", "threads that run models (default: one per core)", flagValue.whole(1))
    .option("--log", "show what the server logs")
    .option("--json", "one JSON object per line on stdout; all else on stderr")
    .option("-q, --quiet", "say nothing but warnings and errors");
  addDetectorFlags(command).addHelpText("after", EXAMPLE).action(serve);
}

async function serve(flags: Flags): Promise<void> {
  const terminal = createTerminal({ json: flags.json === true, quiet: flags.quiet === true });
  await interruptible(
    (signal) => serveModels(flags, terminal, signal),
    (text) => terminal.warn(text),
    "stopping: open streams are drained",
  );
}

async function serveModels(flags: Flags, terminal: Terminal, signal: AbortSignal): Promise<void> {
  const shape = flags.repository === undefined ? shapeOfFlags(flags) : undefined;
  const scratch = shape === undefined ? undefined : await createScratchFolder("models");
  const repository = flags.repository ?? scratch?.path ?? "";
  try {
    if (shape !== undefined) {
      terminal.say("model", describeShape(shape));
      await buildDetector(repository, shape);
    }
    const names = await (await openRepository(repository)).list();
    if (names.length === 0)
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
  names: readonly string[],
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const { host, grpcPort, workers } = flags;
  const server = await launch({
    runtime: "embedded",
    repository,
    host,
    grpcPort,
    httpPort: flags.http && flags.httpPort,
    ...(workers === undefined ? {} : { workers }),
    ...(flags.log === true ? { log: (line: string) => terminal.line(line) } : {}),
    supervise: true,
    stopTimeoutMs: STOP_MS,
    signal,
    onEvent: (event) => signal.aborted || tellEvent(event, terminal),
  });
  try {
    await tellModels(server, names, terminal);
    terminal.say("gRPC", server.address);
    if (server.httpAddress !== undefined) terminal.say("HTTP", server.httpAddress);
    if (!["127.0.0.1", "localhost", "::1"].includes(host))
      terminal.warn(
        `listening on ${host}: whoever reaches this machine can use the models; there is no password`,
      );
    terminal.record({
      type: "ready",
      grpc: server.address,
      http: server.httpAddress ?? null,
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
    await drain(server);
    terminal.say("stopped", "all streams are closed");
  } finally {
    await server.close();
  }
}

/** SIGTERM is what a server drains on; only after it has been heard is its input closed, which ends it at once. */
async function drain(server: LaunchedServer): Promise<void> {
  try {
    process.kill(server.pid, "SIGTERM");
  } catch {
    return;
  }
  await Promise.race([server.exited, pause(100)]);
}

async function tellModels(
  server: LaunchedServer,
  names: readonly string[],
  terminal: Terminal,
): Promise<void> {
  const client = await connect(server.address);
  try {
    for (const name of names) {
      const { platform, inputs, outputs } = await client.modelMetadata(name);
      const show = (
        tensors: readonly { readonly name: string; readonly shape: readonly bigint[] }[],
      ): string => tensors.map((tensor) => `${tensor.name} [${tensor.shape.join(", ")}]`).join(", ");
      terminal.say("serving", `${name} (${platform}): ${show(inputs)} → ${show(outputs)}`);
    }
  } finally {
    client.close();
  }
}

function tellEvent(event: ServerEvent, terminal: Terminal): void {
  if (event.kind === "waiting") terminal.warn(event.message);
  else if (event.kind === "died") terminal.warn(event.message);
  else if (event.kind === "restarting") terminal.warn(`server is started again, attempt ${event.attempt}`);
  else if (event.kind === "ready" && event.restarts > 0)
    terminal.warn(`server is back on its ports (process ${event.pid})`);
}
