import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { StrainflowError } from "@strainflow/series";

/** A program, or a Python environment that holds one. */
export type FoundTriton =
  | { readonly kind: "program"; readonly path: string }
  | { readonly kind: "python"; readonly path: string };

const INSTALLED = "/opt/tritonserver/bin/tritonserver";

/**
 * The Triton to start, by what was asked for or by where it usually is.
 *
 * @throws `launch-no-triton`, naming every place that was looked at
 */
export function findTriton(
  asked: { readonly executable?: string | undefined; readonly python?: string | undefined },
  env: NodeJS.ProcessEnv = process.env,
): FoundTriton {
  if (asked.executable !== undefined) {
    const program = isProgram(asked.executable) ? resolve(asked.executable) : onPath(asked.executable, env);
    if (program !== undefined) return { kind: "program", path: program };
    throw notFound(`${asked.executable} is not a program that can be run`);
  }
  if (asked.python !== undefined) return { kind: "python", path: resolve(asked.python) };
  const named = env["STRAINFLOW_TRITON"];
  if (named !== undefined && named !== "") {
    if (isFolder(named)) return { kind: "python", path: resolve(named) };
    if (isProgram(named)) return { kind: "program", path: resolve(named) };
    throw notFound(`STRAINFLOW_TRITON is ${named}, which is neither a program nor a folder`);
  }
  const program = onPath("tritonserver", env) ?? (isProgram(INSTALLED) ? INSTALLED : undefined);
  if (program !== undefined) return { kind: "program", path: program };
  throw notFound(
    `tritonserver is not on the PATH, ${INSTALLED} is not there, and STRAINFLOW_TRITON is not set; ` +
      "name a program, or a Python environment with nvidia-pytriton, or start Triton in a container",
  );
}

/** A program by its name, as a shell finds it. */
export function onPath(name: string, env: NodeJS.ProcessEnv): string | undefined {
  if (name.includes("/")) return undefined;
  const folders = (env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => join(folder, name)).find(isProgram);
}

export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function notFound(why: string): StrainflowError {
  return new StrainflowError("launch-no-triton", `there is no Triton to start: ${why}`);
}
