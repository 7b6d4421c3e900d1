import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { StrainflowError } from "@strainflow/series";
import { findImage } from "./container-image.ts";
import { findTriton } from "./find-triton.ts";
import type { ApptainerLaunch, DockerLaunch, TritonLaunch } from "./launch-options.ts";

/** How long a container may take to say it; where the image is not there yet, it is fetched, as the start would. */
const ASK_MS = 300_000;

/**
 * The TensorRT that a server has: of a container what NVIDIA's images say of themselves, here that or the library's own
 * file name.
 *
 * @returns nothing where it cannot be known
 */
export async function tensorRtVersion(
  options: TritonLaunch | ApptainerLaunch | DockerLaunch,
  id: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  if (options.runtime === "triton") return versionHere(options);
  const { engine = options.runtime } = options;
  const args =
    options.runtime === "docker"
      ? ["run", "--rm", `--name=${id}`, options.image.replace(/^docker:\/\//, "")]
      : [
          "exec",
          "--cleanenv",
          findImage(options.image, options.imageFolder ?? process.env["STRAINFLOW_IMAGES"]),
        ];
  try {
    const { stdout } = await promisify(execFile)(engine, [...args, "printenv", "TRT_VERSION"], {
      timeout: ASK_MS,
      ...(signal === undefined ? {} : { signal }),
    });
    return versionIn(stdout);
  } catch (cause) {
    if (signal?.aborted === true)
      throw new StrainflowError("launch-failed", "the start was given up", { cause });
    // No engine, no image, none of NVIDIA's: where that is a fault, the start says so, and better.
    return undefined;
  }
}

function versionHere(options: TritonLaunch): string | undefined {
  const said = versionIn(options.env?.["TRT_VERSION"] ?? process.env["TRT_VERSION"] ?? "");
  if (said !== undefined) return said;
  const found = findTriton(options);
  const folders = [
    ...(found.kind === "program"
      ? ["../lib", "../backends/tensorrt"].map((folder) => join(dirname(found.path), folder))
      : []),
    ...(options.env?.["LD_LIBRARY_PATH"] ?? process.env["LD_LIBRARY_PATH"] ?? "").split(":"),
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
  ];
  for (const folder of folders.filter((one) => one !== "")) {
    const version = libraryVersion(folder);
    if (version !== undefined) return version;
  }
  return undefined;
}

function libraryVersion(folder: string): string | undefined {
  let names: readonly string[];
  try {
    names = readdirSync(folder);
  } catch {
    return undefined;
  }
  for (const name of names) {
    const version = /^libnvinfer\.so\.(\d+\.\d+\.\d+)$/.exec(name)?.[1];
    if (version !== undefined) return version;
  }
  return undefined;
}

/** `10.5.0.18`, or `8.6.1.6+cuda12.0.1.011`, on a line of its own; an image's entry point may say more around it. */
function versionIn(text: string): string | undefined {
  return /^(\d+\.\d+\.\d+)(?:\.\d+)?(?:[+-]\S*)?\s*$/m.exec(text)?.[1];
}
