import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { repositoryError } from "./errors.ts";
import type { ModelFiles } from "./model-store.ts";
import { type Platform, platforms } from "./platforms.ts";

/** Where a model's file comes from: bytes, the path of a file or a folder, or several files by their paths. */
export type ModelSource = Uint8Array | string | ModelFiles;

/**
 * Files of a version's folder. A lone file, or a savedmodel's folder, gets the name that the backend looks for; a folder
 * for any other platform is taken as the version's folder itself.
 *
 * @throws `bad-source` where there is nothing to read, or not what the platform needs
 */
export async function versionFiles(
  name: string,
  platform: Platform,
  source: ModelSource,
): Promise<ModelFiles> {
  const { file, isFolder = false } = platforms[platform];
  if (file === undefined) return {};
  const wrong = (why: string): Error =>
    repositoryError("bad-source", `${name}: ${why}`, { modelName: name, platform });
  const files = await filesOf(source, file, wrong);
  const placed =
    isFolder && "saved_model.pb" in files
      ? Object.fromEntries(Object.entries(files).map(([path, contents]) => [`${file}/${path}`, contents]))
      : files;
  const found = Object.keys(placed).some((path) =>
    isFolder ? path === `${file}/saved_model.pb` : path === file,
  );
  if (!found)
    throw wrong(
      isFolder
        ? `there is no saved_model.pb in what is given; give the folder that holds it`
        : `there is no ${file} in what is given, but ${Object.keys(placed).join(", ") || "nothing"}; ${platform} loads that file`,
    );
  return placed;
}

async function filesOf(
  source: ModelSource,
  file: string,
  wrong: (why: string) => Error,
): Promise<ModelFiles> {
  if (source instanceof Uint8Array) return { [file]: source };
  if (typeof source !== "string") return source;
  const facts = await stat(source).catch(() => undefined);
  if (facts?.isFile() === true) return { [file]: await readFile(source) };
  if (facts?.isDirectory() !== true) throw wrong(`there is neither a file nor a folder ${source}`);
  const files: Record<string, Uint8Array> = {};
  for (const entry of await readdir(source, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const inside = path.slice(join(source, "/").length).replaceAll("\\", "/");
    if (entry.isFile() && !inside.split("/").includes("__pycache__")) files[inside] = await readFile(path);
  }
  return files;
}

/** A packed Python environment as a file of the model. @throws `bad-source` */
export async function environmentFile(
  name: string,
  path: string,
): Promise<{ file: string; contents: Uint8Array }> {
  const file = basename(path);
  if (!/\.tar\.gz$|\.tgz$/.test(file))
    throw repositoryError(
      "bad-source",
      `${name}: ${path} is no packed environment; make a .tar.gz with conda-pack`,
      {
        path,
      },
    );
  const contents = await readFile(path).catch((cause: unknown) => {
    throw repositoryError("bad-source", `${name}: the environment ${path} cannot be read`, { path }, cause);
  });
  return { file, contents };
}
