import { existsSync } from "node:fs";
import { invalidOption } from "@strainflow/series";

/**
 * The devices behind `gpus`, in the words of `CUDA_VISIBLE_DEVICES`: indices or UUIDs. Indices count among those that
 * this process may use.
 *
 * @returns nothing where no choice was made: the server sees what this process sees
 * @throws `invalid-option`
 */
export function visibleGpus(
  gpus: readonly number[] | undefined,
  visible: string | undefined,
): readonly string[] | undefined {
  if (gpus === undefined) return visible === undefined ? undefined : devices(visible);
  const allowed = visible === undefined ? undefined : devices(visible);
  return gpus.map((gpu, i) => {
    if (!Number.isInteger(gpu) || gpu < 0 || gpus.indexOf(gpu) !== i)
      throw invalidOption("launch", "gpus", gpus.join(","), "different whole numbers of at least 0");
    const device = allowed === undefined ? String(gpu) : allowed[gpu];
    if (device === undefined)
      throw invalidOption(
        "launch",
        "gpus",
        gpus.join(","),
        `below ${allowed?.length}: CUDA_VISIBLE_DEVICES is "${visible}" here, and the indices count among those`,
      );
    return device;
  });
}

/** CUDA takes the list up to its first entry that is none; "-1" and "NoDevFiles" are the usual ways to say none. */
function devices(visible: string): readonly string[] {
  const names = visible.split(",").map((name) => name.trim());
  const end = names.findIndex((name) => name === "" || name.startsWith("-") || name === "NoDevFiles");
  return end < 0 ? names : names.slice(0, end);
}

/** Whether this machine has an NVIDIA driver that a container could be given. */
export function hasGpuDriver(): boolean {
  return existsSync("/dev/nvidiactl");
}
