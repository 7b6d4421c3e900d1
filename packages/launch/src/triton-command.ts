import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findTriton } from "./find-triton.ts";
import type { KeptCommand } from "./kept-process.ts";
import type { TritonLaunch } from "./launch-options.ts";
import { prepareWheel, type WheelTriton } from "./python-environment.ts";
import { placeOf } from "./server-place.ts";
import type { ServerPorts } from "./server-ports.ts";
import { repositoryPath, spaceHint, tritonArguments } from "./triton-arguments.ts";
import { visibleGpus } from "./visible-gpus.ts";

/** The command that runs a Triton that is installed here. */
export async function tritonCommand(
  options: TritonLaunch,
  host: string,
  ports: ServerPorts,
  id: string,
): Promise<KeptCommand> {
  const { executable, python, repository, gpus, env = {}, serverArgs = [] } = options;
  const devices = gpus === undefined ? undefined : visibleGpus(gpus, process.env["CUDA_VISIBLE_DEVICES"]);
  const found = findTriton({ executable, python });
  const scratch = found.kind === "python" ? await mkdtemp(join(tmpdir(), "strainflow-triton-")) : undefined;
  try {
    const {
      executable: file,
      args,
      env: needed,
    }: WheelTriton = scratch === undefined
      ? { executable: found.path, args: [], env: {} }
      : await prepareWheel(found.path, scratch);
    const listen = { host, ...ports };
    return {
      file,
      args: [
        ...tritonArguments({ repository: repositoryPath(repository), id, listen, more: serverArgs }),
        ...args,
        `--backend-config=python,shm-region-prefix-name=${id}`,
      ],
      env: {
        ...process.env,
        ...needed,
        ...(devices === undefined ? {} : { CUDA_VISIBLE_DEVICES: devices.join(",") }),
        ...env,
      },
      place: placeOf(host, ports),
      id,
      hint: spaceHint(repository, scratch ?? ""),
      leftovers: { folders: scratch === undefined ? [] : [scratch], sharedMemory: id },
    };
  } catch (error) {
    if (scratch !== undefined) await rm(scratch, { recursive: true, force: true });
    throw error;
  }
}
