import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { StrainflowError } from "@strainflow/series";

/**
 * Finds an Apptainer image: what has a scheme is the engine's to find; then a path; then a name in the image folder, with
 * or without `.sif`; then what looks like a registry's name.
 *
 * @throws `launch-no-image`, naming what was tried and what the folder holds
 */
export function findImage(image: string, imageFolder: string | undefined): string {
  if (/^[a-z]+:\/\//.test(image)) return image;
  if (existsSync(image)) return resolve(image);
  const isPath = /^(?:\/|\.\.?\/)/.test(image);
  // A name from the settings must not lead out of the folder that they also name.
  if (imageFolder !== undefined && !isPath && !image.split("/").includes("..")) {
    const found = [image, `${image}.sif`].map((name) => join(imageFolder, name)).find(existsSync);
    if (found !== undefined) return resolve(found);
  }
  // A registry's host has a dot or a port: `nvcr.io/nvidia/tritonserver:24.10-py3`.
  if (!isPath && /^[\w-]+(?:[.:][\w.-]+)+\/\S+$/.test(image)) return `docker://${image}`;
  throw new StrainflowError(
    "launch-no-image",
    `there is no image ${image}: ${whereTo(image, isPath, imageFolder)}`,
    {
      details: { image, imageFolder },
    },
  );
}

function whereTo(image: string, isPath: boolean, imageFolder: string | undefined): string {
  if (isPath) return "there is no such file or folder";
  if (imageFolder === undefined)
    return "it is no path, and no image folder is set (STRAINFLOW_IMAGES); a registry's name begins with its host: docker://nvcr.io/nvidia/tritonserver:24.10-py3";
  if (image.split("/").includes("..")) return "a name must not lead out of the image folder";
  let held: readonly string[];
  try {
    held = readdirSync(imageFolder);
  } catch {
    return `the image folder ${imageFolder} cannot be read`;
  }
  return `the image folder ${imageFolder} holds ${held.length === 0 ? "nothing" : held.slice(0, 10).join(", ")}`;
}
