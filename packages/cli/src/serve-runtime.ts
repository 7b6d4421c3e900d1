import { isIP } from "node:net";
import type { LaunchOptions } from "@strainflow/launch";
import { StrainflowError } from "@strainflow/series";
import { type Command, InvalidArgumentError, Option } from "commander";
import { flagValue } from "./flag-values.ts";
import {
  addEmbeddedFlags,
  checkEmbeddedFlags,
  EMBEDDED_FLAGS,
  type EmbeddedFlags,
  embeddedOptionsOf,
  isGuarded,
} from "./serve-embedded.ts";

/** Which server, and what only some of them take. */
export interface RuntimeFlags extends EmbeddedFlags {
  readonly runtime: LaunchOptions["runtime"];
  readonly gpus?: readonly number[];
  readonly image?: string;
  readonly imageFolder?: string;
  readonly executable?: string;
  readonly python?: string;
  readonly engine?: string;
  readonly engineArg?: readonly string[];
  readonly network?: "bridge" | "host";
  readonly serverArg?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

type Common = Pick<
  Extract<LaunchOptions, { runtime: "embedded" }>,
  | "repository"
  | "host"
  | "grpcPort"
  | "httpPort"
  | "log"
  | "readyTimeoutMs"
  | "stopTimeoutMs"
  | "signal"
  | "onEvent"
>;

const TRITONS: readonly string[] = ["triton", "apptainer", "docker"];
const CONTAINERS: readonly string[] = ["apptainer", "docker"];

/** Flags of some runtimes only. `--no-metrics` is true by default, so it is looked at by itself. */
const FOR: readonly (readonly [keyof RuntimeFlags, string, readonly string[]])[] = [
  ...EMBEDDED_FLAGS.map(([name, flag]) => [name, flag, ["embedded"]] as const),
  ["gpus", "--gpus", TRITONS],
  ["executable", "--executable", TRITONS],
  ["serverArg", "--server-arg", TRITONS],
  ["env", "--env", TRITONS],
  ["python", "--python", ["triton"]],
  ["image", "--image", CONTAINERS],
  ["engine", "--engine", CONTAINERS],
  ["engineArg", "--engine-arg", CONTAINERS],
  ["imageFolder", "--image-folder", ["apptainer"]],
  ["network", "--network", ["docker"]],
];

const gather = (text: string, before: readonly string[] = []): readonly string[] => [...before, text];

function gatherEnv(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("it must be NAME=value");
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

function gpuList(text: string): readonly number[] {
  return text === "none" ? [] : flagValue.list(text).map(flagValue.whole(0));
}

/** Adds the flags that say which server runs, and how. */
export function addRuntimeFlags(command: Command): Command {
  return addEmbeddedFlags(command)
    .addOption(
      new Option("--runtime <kind>", "embedded: ours; triton: one installed here; or a Triton in a container")
        .choices(["embedded", ...TRITONS])
        .default("embedded"),
    )
    .option(
      "--workers <n>",
      "embedded: threads that run models, of each process (default: one per core, shared by the processes)",
      flagValue.whole(1),
    )
    .option(
      "--executable <program>",
      "triton: the server (default: STRAINFLOW_TRITON, then tritonserver on the PATH, then in /opt/tritonserver/bin); in a container: its name there",
    )
    .option("--python <folder>", "triton: a Python environment with nvidia-pytriton, which holds a server")
    .option(
      "--image <image>",
      "apptainer: a path, a name in the image folder, or docker://name; docker: a name",
    )
    .option(
      "--image-folder <folder>",
      "apptainer: where images lie (default: imageFolder of the settings, then STRAINFLOW_IMAGES)",
    )
    .option("--engine <program>", "apptainer, docker: the program that runs containers, such as podman")
    .option("--engine-arg <argument>", "apptainer, docker: one more argument for it; may be repeated", gather)
    .addOption(
      new Option("--network <kind>", "docker: bridge publishes the ports, host uses the machine's")
        .choices(["bridge", "host"])
        .default(undefined, "bridge"),
    )
    .option(
      "--gpus <indices>",
      "triton and containers: by commas, counted among those in CUDA_VISIBLE_DEVICES where that is set; none for none (default: all of them)",
      gpuList,
    )
    .option(
      "--metrics-port <port>",
      "for Prometheus; 0 takes a free one (default: 8002; embedded: a free one)",
      flagValue.port,
    )
    .option("--no-metrics", "no metrics")
    .option(
      "--server-arg <argument>",
      "triton and containers: one more argument for tritonserver; may be repeated",
      gather,
    )
    .option(
      "--env <NAME=value>",
      "triton and containers: one more variable for the server; may be repeated",
      gatherEnv,
    );
}

/** @throws `usage` where a flag is not for this runtime, or one that it needs is missing */
export function checkRuntimeFlags(flags: RuntimeFlags & { readonly host?: string }): void {
  const { runtime, host } = flags;
  if (host !== undefined && !isLoopback(host) && flags.insecure !== true && !isGuarded(flags))
    throw usage(
      `--host ${host} is for all who reach this machine, and there is no password; say --insecure if they may use the models`,
    );
  for (const [name, flag, runtimes] of FOR)
    if (flags[name] !== undefined && !runtimes.includes(runtime))
      throw usage(`${flag} is for --runtime ${runtimes.join(" or ")}; this is ${runtime}`);
  checkEmbeddedFlags(flags);
  if (CONTAINERS.includes(runtime) && flags.image === undefined)
    throw usage(
      `--runtime ${runtime} needs --image: ${runtime === "docker" ? "" : "docker://"}nvcr.io/nvidia/tritonserver:24.10-py3, for example`,
    );
}

/** What `launch` takes, of flags that were checked. */
export function launchOptionsOf(flags: RuntimeFlags, common: Common): LaunchOptions {
  const { runtime, image = "", imageFolder, python, executable, engine, network, gpus, env } = flags;
  if (runtime === "embedded")
    return {
      runtime,
      ...common,
      ...embeddedOptionsOf(flags),
    };
  const triton = {
    ...common,
    metricsPort: flags.metrics && (flags.metricsPort ?? 8002),
    ...(executable === undefined ? {} : { executable }),
    ...(gpus === undefined ? {} : { gpus }),
    ...(env === undefined ? {} : { env }),
    ...(flags.serverArg === undefined ? {} : { serverArgs: flags.serverArg }),
  };
  if (runtime === "triton") return { runtime, ...triton, ...(python === undefined ? {} : { python }) };
  const container = {
    ...triton,
    image,
    ...(engine === undefined ? {} : { engine }),
    ...(flags.engineArg === undefined ? {} : { engineArgs: flags.engineArg }),
  };
  return runtime === "docker"
    ? { runtime, ...container, ...(network === undefined ? {} : { network }) }
    : { runtime, ...container, ...(imageFolder === undefined ? {} : { imageFolder }) };
}

/** Whether an address is for programs of this machine alone. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

function usage(message: string): StrainflowError {
  return new StrainflowError("usage", message);
}
