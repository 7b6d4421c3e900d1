import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { repositoryError } from "./errors.ts";
import { checkModelName, checkModelPath, type ModelStore } from "./model-store.ts";

/**
 * Models in a folder of this machine.
 *
 * A model is written to a hidden folder beside the others and renamed into place, so a server never finds half of one.
 */
export function createLocalStore(root: string): ModelStore {
  const folder = (model: string): string => join(root, checkModelName(model));

  return {
    async list() {
      const entries = await readdir(root, { withFileTypes: true });
      return entries
        .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
        .map((entry) => entry.name)
        .sort();
    },

    async files(model) {
      const found = await absentAsUndefined(readdir(folder(model), { recursive: true, withFileTypes: true }));
      if (found === undefined) return undefined;
      const prefix = folder(model).length + 1;
      const paths = found
        .map((entry) => ({ entry, path: join(entry.parentPath, entry.name).slice(prefix) }))
        .filter(({ path }) => !path.split(sep).some((part) => part.startsWith(".")));
      const filled = new Set(paths.map(({ path }) => dirname(path)));
      return paths
        .filter(({ entry, path }) => !entry.isDirectory() || !filled.has(path))
        .map(({ entry, path }) => `${path.split(sep).join("/")}${entry.isDirectory() ? "/" : ""}`)
        .sort();
    },

    async read(model, path) {
      const asked = join(folder(model), checkModelPath(path));
      const real = await absentAsUndefined(realpath(asked));
      if (real === undefined || path.endsWith("/")) return undefined;
      // A link may lead to another model of the repository, as people who save space make them, but not out of it.
      if (!real.startsWith(`${await realpath(root)}${sep}`))
        throw repositoryError(
          "bad-model-name",
          `${asked} is a link that leads out of the repository, to ${real}; put the file itself there`,
          { modelName: model, path },
        );
      return absentAsUndefined(readFile(real));
    },

    async put(model, files) {
      const final = folder(model);
      const mark = randomUUID();
      const fresh = join(root, `.new-${mark}`);
      const old = join(root, `.old-${mark}`);
      await mkdir(fresh, { recursive: true });
      try {
        for (const [path, contents] of Object.entries(files)) {
          const target = join(fresh, checkModelPath(path));
          await mkdir(path.endsWith("/") ? target : dirname(target), { recursive: true });
          if (!path.endsWith("/")) await writeFile(target, contents);
        }
        const replaces = (await absentAsUndefined(stat(final))) !== undefined;
        if (replaces) await rename(final, old);
        try {
          await rename(fresh, final);
        } catch (error) {
          if (replaces) await rename(old, final);
          throw error;
        }
      } finally {
        await rm(fresh, { recursive: true, force: true });
        await rm(old, { recursive: true, force: true });
      }
    },

    remove: async (model) => rm(folder(model), { recursive: true, force: true }),
  };
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
