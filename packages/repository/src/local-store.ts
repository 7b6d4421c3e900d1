import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
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
      return found
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(prefix))
        .sort();
    },

    read: async (model, path) => absentAsUndefined(readFile(join(folder(model), checkModelPath(path)))),

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

async function absentAsUndefined<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
