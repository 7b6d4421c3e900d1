/**
 * What a container's server has in its environment, and nothing else of ours: a `PYTHONPATH` or `LD_LIBRARY_PATH` of
 * here means nothing there. Packages in a mounted home folder are not the image's either.
 */
export function containerEnvironment(
  devices: readonly string[] | undefined,
  env: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return {
    PYTHONNOUSERSITE: "1",
    ...(devices === undefined ? {} : { CUDA_VISIBLE_DEVICES: devices.join(",") }),
    ...env,
  };
}

/** `type=bind,source=…,target=…`: a line of CSV to both engines, so that a path may hold any sign. */
export function bindMount(fields: Readonly<Record<string, string>>, ...flags: readonly string[]): string {
  return [...Object.entries(fields).map(([name, value]) => `${name}=${value}`), ...flags]
    .map((field) => (/[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field))
    .join(",");
}
