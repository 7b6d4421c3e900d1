import { invalidOption } from "@strainflow/series";
import { bindMount, containerEnvironment } from "./container-environment.ts";
import type { KeptCommand } from "./kept-process.ts";
import type { DockerLaunch } from "./launch-options.ts";
import { placeOf } from "./server-place.ts";
import { hostAndPort, type ServerPorts } from "./server-ports.ts";
import { isRemote, repositoryPath, spaceHint, tritonArguments } from "./triton-arguments.ts";
import { hasGpuDriver, visibleGpus } from "./visible-gpus.ts";

/** Triton's own, inside a network of the container's own. */
const INSIDE = { grpc: 8001, http: 8000, metrics: 8002 };

/**
 * The command that runs a Triton in Docker. Its client passes signals on; the container is removed by its name when the
 * server ends, since killing the client leaves it running.
 */
export async function dockerCommand(
  options: DockerLaunch,
  host: string,
  ports: ServerPorts,
  id: string,
): Promise<KeptCommand> {
  const { engine = "docker", engineArgs = [], serverArgs = [], env = {}, gpus } = options;
  const { image, executable = "tritonserver", network = "bridge", shmSize = "1g" } = options;
  if (/^\.{0,2}\//.test(image) || image.endsWith(".sif"))
    throw invalidOption(
      "launch",
      "image",
      image,
      "a name, as `docker images` lists it; files are for apptainer",
    );
  const devices = visibleGpus(gpus, process.env["CUDA_VISIBLE_DEVICES"]);
  const repository = repositoryPath(options.repository);
  // Docker numbers the devices that it gives anew, so the server may use all that it sees. With none given, the
  // image's own wish for all of them would still be granted where NVIDIA's runtime is Docker's default.
  const wish = devices?.length === 0 ? { NVIDIA_VISIBLE_DEVICES: "void" } : {};
  const inside = { ...wish, ...containerEnvironment(undefined, env) };
  // `--env NAME` takes the value from the client's environment: arguments are shown to all who list processes. What
  // the client itself goes by (its PATH, DOCKER_HOST) cannot be another there.
  const named = Object.entries(inside).filter(([name, value]) => (process.env[name] ?? value) === value);
  const spelled = Object.entries(inside).filter(([name, value]) => (process.env[name] ?? value) !== value);
  return {
    file: engine,
    args: [
      "run",
      "--rm",
      `--name=${id}`,
      `--shm-size=${shmSize}`,
      ...(network === "host" ? ["--network=host"] : published(host, ports)),
      ...gpuArguments(gpus, devices),
      ...named.map(([name]) => `--env=${name}`),
      ...spelled.map(([name, value]) => `--env=${name}=${value}`),
      ...(isRemote(repository)
        ? []
        : ["--mount", bindMount({ type: "bind", source: repository, target: repository }, "readonly")]),
      ...engineArgs,
      image.replace(/^docker:\/\//, ""),
      executable,
      ...tritonArguments({
        repository,
        id,
        listen: network === "host" ? { host, ...ports } : { host: "0.0.0.0", ...insideOf(ports) },
        more: serverArgs,
      }),
    ],
    env: { ...process.env, ...Object.fromEntries(named) },
    place: placeOf(host, ports),
    id,
    hint: spaceHint(repository),
    leftovers: { folders: [], command: { file: engine, args: ["rm", "--force", id] } },
  };
}

function insideOf({ http, metrics }: ServerPorts): ServerPorts {
  return {
    grpc: INSIDE.grpc,
    http: http === false ? false : INSIDE.http,
    metrics: metrics === false ? false : INSIDE.metrics,
  };
}

function published(host: string, { grpc, http, metrics }: ServerPorts): string[] {
  const publish = (outside: number | false, inside: number): string[] =>
    outside === false ? [] : [`--publish=${hostAndPort(host, outside)}:${inside}`];
  return [...publish(grpc, INSIDE.grpc), ...publish(http, INSIDE.http), ...publish(metrics, INSIDE.metrics)];
}

/** `--gpus "device=0,2"` is CSV to Docker, so a list stands in quotes of its own. */
function gpuArguments(gpus: readonly number[] | undefined, devices: readonly string[] | undefined): string[] {
  if (gpus === undefined && !hasGpuDriver()) return [];
  if (devices === undefined) return ["--gpus=all"];
  return devices.length === 0 ? [] : [`--gpus="device=${devices.join(",")}"`];
}
