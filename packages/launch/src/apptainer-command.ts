import { bindMount, containerEnvironment } from "./container-environment.ts";
import { findImage } from "./container-image.ts";
import type { KeptCommand } from "./kept-process.ts";
import type { ApptainerLaunch } from "./launch-options.ts";
import { placeOf } from "./server-place.ts";
import type { ServerPorts } from "./server-ports.ts";
import { isRemote, repositoryPath, spaceHint, tritonArguments } from "./triton-arguments.ts";
import { hasGpuDriver, visibleGpus } from "./visible-gpus.ts";

/**
 * The command that runs a Triton in Apptainer. The container shares the machine's network, so the server listens on the
 * ports themselves, and its processes are ours to kill. The repository is where it is outside: what the server says of a
 * path is true for who reads it.
 */
export async function apptainerCommand(
  options: ApptainerLaunch,
  host: string,
  ports: ServerPorts,
  id: string,
): Promise<KeptCommand> {
  const { image, imageFolder = process.env["STRAINFLOW_IMAGES"], executable = "tritonserver" } = options;
  const { engine = "apptainer", engineArgs = [], serverArgs = [], env = {}, gpus } = options;
  const devices = visibleGpus(gpus, process.env["CUDA_VISIBLE_DEVICES"]);
  const withGpus = gpus === undefined ? hasGpuDriver() && devices?.length !== 0 : gpus.length > 0;
  const repository = repositoryPath(options.repository);
  const inside = containerEnvironment(devices, env);
  return {
    file: engine,
    args: [
      "exec",
      "--cleanenv",
      ...(withGpus ? ["--nv"] : []),
      ...(isRemote(repository)
        ? []
        : ["--mount", bindMount({ type: "bind", source: repository, target: repository }, "ro")]),
      ...engineArgs,
      findImage(image, imageFolder),
      executable,
      ...tritonArguments({ repository, id, listen: { host, ...ports }, more: serverArgs }),
      `--backend-config=python,shm-region-prefix-name=${id}`,
    ],
    // Neither `--env`, which takes commas for its own, nor anything else that shows values to all who list processes.
    env: {
      ...process.env,
      ...Object.fromEntries(
        Object.entries(inside).flatMap(([name, value]) => [
          [`APPTAINERENV_${name}`, value],
          [`SINGULARITYENV_${name}`, value],
        ]),
      ),
    },
    place: placeOf(host, ports),
    id,
    hint: spaceHint(repository),
    leftovers: { folders: [], sharedMemory: id },
  };
}
