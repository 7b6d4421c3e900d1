import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { repositoryError } from "./errors.ts";
import { checkModelName, checkModelPath, type ModelFiles, type ModelStore } from "./model-store.ts";

/**
 * Models in a folder of this machine.
 *
 * What is written goes to a hidden folder beside the models first and is renamed into place, so a server never finds
 * half of a model. A symbolic link that leads out of the folder is not followed.
 */
export function createLocalStore(root: string): ModelStore {
  const folder = (model: string): string => join(root, checkModelName(model));

  /** Where a model's folder or file really lies; undefined if it is not there. */
  async function find(model: string, path?: string): Promise<string | undefined> {
    const asked = path === undefined ? folder(model) : join(folder(model), checkModelPath(path));
    const [home, found] = await Promise.all([realpath(root), absentAsUndefined(realpath(asked))]);
    if (found === undefined || found.startsWith(home.endsWith(sep) ? home : home + sep)) return found;
    throw repositoryError(
      "bad-model-name",
      `${asked} is a link to ${found}, outside of the repository; put a copy in its place`,
      { modelName: model, path: asked },
    );
  }

  /** Writes into a hidden folder first; then `place` renames what lies there. Nothing of it stays behind. */
  async function staged(
    write: (staging: string) => Promise<void>,
    place: (staging: string) => Promise<void>,
  ): Promise<void> {
    const staging = join(root, `.new-${randomUUID()}`);
    await mkdir(staging, { recursive: true });
    try {
      await write(staging);
      await place(staging);
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  }

  const putAll = (models: ReadonlyMap<string, ModelFiles>): Promise<void> =>
    staged(
      async (staging) => {
        for (const [model, files] of models) await writeFiles(join(staging, checkModelName(model)), files);
      },
      (staging) =>
        swap(
          [...models.keys()].map((model) => [join(staging, model), folder(model)] as const),
          staging,
        ),
    );

  return {
    async list() {
      const entries = await readdir(root, { withFileTypes: true });
      return entries
        .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
        .map((entry) => entry.name)
        .sort();
    },

    async files(model) {
      const found = await find(model);
      return found === undefined ? undefined : filesOf(found);
    },

    async read(model, path) {
      const found = await find(model, path);
      return found === undefined ? undefined : absentAsUndefined(readFile(found));
    },

    put: (model, files) => putAll(new Map([[model, files]])),
    putAll,

    async replace(model, entry, contents) {
      const home = await find(model);
      if (home === undefined)
        throw repositoryError("no-model", `there is no model ${model}`, { modelName: model });
      const final = join(home, checkModelPath(entry));
      await staged(
        async (staging) => {
          if (typeof contents === "string" || contents instanceof Uint8Array)
            await writeFile(join(staging, "fresh"), contents);
          else if (contents !== undefined) await writeFiles(join(staging, "fresh"), contents);
        },
        (staging) => swap([[contents === undefined ? undefined : join(staging, "fresh"), final]], staging),
      );
    },

    remove: async (model) => rm(folder(model), { recursive: true, force: true }),
  };
}

/** Renames each first to its second, which is removed if there is no first; all of them or none. */
async function swap(
  pairs: readonly (readonly [fresh: string | undefined, final: string])[],
  staging: string,
): Promise<void> {
  const undo: (() => Promise<void>)[] = [];
  try {
    for (const [i, [fresh, final]] of pairs.entries()) {
      const old = join(staging, `.old-${i}`);
      const there = await absentAsUndefined(rename(final, old).then(() => true));
      if (there !== undefined) undo.push(() => rename(old, final));
      if (fresh === undefined) continue;
      await rename(fresh, final);
      undo.push(() => rename(final, fresh));
    }
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  }
}

async function writeFiles(folder: string, files: ModelFiles): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [path, contents] of Object.entries(files)) {
    const target = join(folder, checkModelPath(path));
    await mkdir(path.endsWith("/") ? target : dirname(target), { recursive: true });
    if (!path.endsWith("/")) await writeFile(target, contents);
  }
}

/** Relative paths with `/`, sorted; empty folders end in it. Links that lead to files are among them. */
async function filesOf(folder: string): Promise<readonly string[]> {
  const paths: string[] = [];
  const walk = async (path: string): Promise<void> => {
    const all = await readdir(join(folder, path), { withFileTypes: true });
    // Python leaves __pycache__ where it ran: it is no more of the model than hidden files are.
    const entries = all.filter(({ name }) => !name.startsWith(".") && name !== "__pycache__");
    if (entries.length === 0 && path !== "") paths.push(path);
    for (const entry of entries) {
      const isFolder = entry.isDirectory();
      const isFile =
        entry.isFile() ||
        (entry.isSymbolicLink() &&
          (await absentAsUndefined(stat(join(folder, path, entry.name))))?.isFile() === true);
      if (isFolder) await walk(`${path}${entry.name}/`);
      else if (isFile) paths.push(`${path}${entry.name}`);
    }
  };
  await walk("");
  return paths.sort();
}

/** Also where a path runs through a file, or is a folder's: there is no such file either way. */
const ABSENT: ReadonlySet<unknown> = new Set(["ENOENT", "ENOTDIR", "EISDIR"]);

async function absentAsUndefined<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof Error && "code" in error && ABSENT.has(error.code)) return undefined;
    throw error;
  }
}
