import { formatConfig } from "./config-text.ts";
import { repositoryError } from "./errors.ts";
import { checkModelName, checkModelPath, type ModelFiles, type ModelStore } from "./model-store.ts";
import type { Model } from "./repository.ts";

/** Paths of a model's files. @throws `no-model` */
export async function readFiles(store: ModelStore, name: string): Promise<readonly string[]> {
  const files = await store.files(checkModelName(name));
  if (files === undefined)
    throw repositoryError("no-model", `there is no model ${name} in this repository`, { modelName: name });
  return files;
}

/** Puts models into a store: all of them, or it stays as it was. */
export async function putModels(
  store: ModelStore,
  models: readonly Model[],
  replace: boolean,
): Promise<void> {
  const contents = new Map<string, ModelFiles>();
  for (const { config, files } of models) {
    checkModelName(config.name);
    for (const path of Object.keys(files)) checkModelPath(path);
    if (contents.has(config.name))
      throw repositoryError(
        "model-exists",
        `two models to be added are both named ${config.name}; rename one`,
        {
          modelName: config.name,
        },
      );
    if (!replace && (await store.files(config.name)) !== undefined)
      throw repositoryError(
        "model-exists",
        `model ${config.name} is in the repository already; pass { replace: true } to write over it`,
        { modelName: config.name },
      );
    contents.set(config.name, { "config.pbtxt": formatConfig(config), ...files });
  }
  if (store.putAll !== undefined) await store.putAll(contents);
  else await putOneByOne(store, contents);
}

/** For a store that puts single models only: what a failure leaves half done is taken back. */
async function putOneByOne(store: ModelStore, models: ReadonlyMap<string, ModelFiles>): Promise<void> {
  const undo: (() => Promise<void>)[] = [];
  try {
    for (const [name, files] of models) {
      const before = models.size === 1 ? undefined : await contentsOf(store, name);
      await store.put(name, files);
      undo.push(() => (before === undefined ? store.remove(name) : store.put(name, before)));
    }
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  }
}

async function contentsOf(store: ModelStore, name: string): Promise<ModelFiles | undefined> {
  const paths = await store.files(name);
  if (paths === undefined) return undefined;
  const contents: Record<string, Uint8Array> = {};
  for (const path of paths)
    contents[path] = (path.endsWith("/") ? undefined : await store.read(name, path)) ?? new Uint8Array();
  return contents;
}

/** Replaces one file or folder of a model, or removes it, whole or not at all. @throws `no-model` */
export async function replaceEntry(
  store: ModelStore,
  name: string,
  entry: string,
  contents: string | ModelFiles | undefined,
): Promise<void> {
  if (typeof contents === "object") for (const path of Object.keys(contents)) checkModelPath(path);
  if (store.replace !== undefined) return store.replace(checkModelName(name), entry, contents);
  const before = await contentsOf(store, checkModelName(name));
  if (before === undefined)
    throw repositoryError("no-model", `there is no model ${name} in this repository`, { modelName: name });
  const kept = Object.entries(before).filter(([path]) => path !== entry && !path.startsWith(`${entry}/`));
  const fresh =
    contents === undefined
      ? []
      : typeof contents === "string"
        ? [[entry, contents] as const]
        : Object.entries(contents).map(([path, value]) => [`${entry}/${path}`, value] as const);
  await store.put(name, Object.fromEntries([...kept, ...fresh]));
}
