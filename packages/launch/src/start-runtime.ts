import { statSync } from "node:fs";
import { StrainflowError } from "@strainflow/series";
import { connect } from "@strainflow/triton";
import { apptainerCommand } from "./apptainer-command.ts";
import { checkPlans } from "./check-plans.ts";
import { dockerCommand } from "./docker-command.ts";
import { embeddedCommand, isGuarded } from "./embedded.ts";
import { type KeptCommand, startKeptProcess } from "./kept-process.ts";
import type {
  ApptainerLaunch,
  DockerLaunch,
  EmbeddedLaunch,
  LaunchOptions,
  TritonLaunch,
} from "./launch-options.ts";
import { startOwnProcess } from "./own-process.ts";
import { portsOf } from "./server-place.ts";
import { choosePorts, type WantedPorts } from "./server-ports.ts";
import type { ServerPlace, ServerProcess, StartOptions } from "./server-process.ts";
import { isRemote } from "./triton-arguments.ts";
import { tritonCommand } from "./triton-command.ts";

/** How often free ports are chosen anew because somebody took one before the server did. */
const PORT_TRIES = 3;

/**
 * Starts one server of any kind, and waits until it is ready.
 *
 * @param id what it is to call itself
 * @param before where the one was whose place it takes
 */
export function startRuntime(
  options: LaunchOptions,
  id: string,
  before: ServerPlace | undefined,
  start: StartOptions,
): Promise<ServerProcess> {
  return options.runtime === "embedded"
    ? startEmbedded(options, before, start)
    : startTriton(options, id, before, start);
}

/** That the port which it names is the server's own is proved by its answer there. */
async function startEmbedded(
  options: EmbeddedLaunch,
  before: ServerPlace | undefined,
  start: StartOptions,
): Promise<ServerProcess> {
  const started = await startOwnProcess(embeddedCommand(options, before), start);
  if (isGuarded(options)) return started;
  try {
    const client = await connect(started.place.grpc, { waitMs: start.readyTimeoutMs });
    client.close();
    return started;
  } catch (cause) {
    const exit = await started.stop(0);
    throw new StrainflowError(
      "launch-failed",
      `server ${exit.pid} said that it is ready at ${started.place.grpc}, and does not answer there: ` +
        (cause instanceof Error ? cause.message : String(cause)),
      { cause, details: { exit } },
    );
  }
}

async function startTriton(
  options: TritonLaunch | ApptainerLaunch | DockerLaunch,
  id: string,
  before: ServerPlace | undefined,
  start: StartOptions,
): Promise<ServerProcess> {
  const { repository, host = "127.0.0.1", grpcPort = 0, httpPort = 0, metricsPort = 0 } = options;
  if (!isRemote(repository) && statSync(repository, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new StrainflowError("launch-failed", `the model repository ${repository} is not a folder`, {
      details: { path: repository },
    });
  if (before === undefined)
    await checkPlans(options, `${id}-asked`, start.onWarning ?? start.log, start.signal);
  const wanted: WantedPorts =
    before === undefined ? { grpc: grpcPort, http: httpPort, metrics: metricsPort } : portsOf(before);
  for (let tries = 1; ; tries++) {
    const ports = await choosePorts(host, wanted);
    const named = `${id}-${tries}`;
    try {
      return await startKeptProcess(await commandOf(options, host, ports, named), start);
    } catch (error) {
      if (tries === PORT_TRIES || !Object.values(wanted).includes(0) || !lostPort(error)) throw error;
    }
  }
}

function commandOf(
  options: TritonLaunch | ApptainerLaunch | DockerLaunch,
  host: string,
  ports: WantedPorts,
  id: string,
): Promise<KeptCommand> {
  switch (options.runtime) {
    case "triton":
      return tritonCommand(options, host, ports, id);
    case "apptainer":
      return apptainerCommand(options, host, ports, id);
    case "docker":
      return dockerCommand(options, host, ports, id);
  }
}

/** Triton: `Socket '127.0.0.1:8001' already in use`; Docker: `port is already allocated`. */
function lostPort(error: unknown): boolean {
  return error instanceof Error && /already in use|already allocated/.test(error.message);
}
