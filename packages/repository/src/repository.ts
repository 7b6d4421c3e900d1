import { mkdir, stat } from "node:fs/promises";
import type { ModelConfig } from "@strainflow/proto";
import { invalidOption } from "@strainflow/series";
import { formatConfig, parseConfig } from "./config-text.ts";
import { type ConfigChanges, editConfig } from "./edit-config.ts";
import { repositoryError } from "./errors.ts";
import { createLocalStore } from "./local-store.ts";
import { checkModelName, checkModelPath, type ModelFiles, type ModelStore } from "./model-store.ts";
import { putModels, readFiles, replaceEntry } from "./put-models.ts";
import { type Problem, verifyModels } from "./verify.ts";

/** A model as it goes into a repository. */
export interface Model {
  /** Written to `config.pbtxt`; its `name` is the folder's. */
  readonly config: ModelConfig;
  /** The other files, by path: `{ "1/model.onnx": bytes }`; an ensemble has `{ "1/": "" }`. */
  readonly files: ModelFiles;
}

/** A model repository as Triton lays it out: `<model>/config.pbtxt`, `<model>/<version>/model.onnx`. */
export interface ModelRepository {
  readonly store: ModelStore;
  /** Names of the models, sorted. */
  list(): Promise<readonly string[]>;
  /**
   * Puts a model in, or several: all of them, each whole, or nothing.
   *
   * @throws `bad-model-name`; `model-exists` unless `replace` is set
   */
  add(models: Model | readonly Model[], options?: { readonly replace?: boolean }): Promise<void>;
  /** @throws `no-model`, `bad-model-config` */
  config(name: string): Promise<ModelConfig>;
  /**
   * Changes fields of a model's configuration; what is not named keeps its value. Comments in its text are lost.
   *
   * @returns the configuration as it then is
   * @throws `no-model`, `bad-model-config`, `invalid-option`
   */
  edit(name: string, changes: ConfigChanges): Promise<ModelConfig>;
  /** One file of a model. @throws `no-model` */
  read(name: string, path: string): Promise<Uint8Array>;
  /** Versions of a model, ascending. @throws `no-model` */
  versions(name: string): Promise<readonly number[]>;
  /**
   * Adds a version: its files by their path inside the version's folder, `{ "model.onnx": bytes }`.
   *
   * @param options.version default the one after the latest
   * @returns its number
   * @throws `no-model`; `model-exists` if it is there, unless `replace` is set
   */
  addVersion(
    name: string,
    files: ModelFiles,
    options?: { readonly version?: number; readonly replace?: boolean },
  ): Promise<number>;
  /** Removes a version. @throws `no-model` if it is not there */
  removeVersion(name: string, version: number): Promise<void>;
  /** Removes a model, if it is there. */
  remove(name: string): Promise<void>;
  /**
   * What Triton would refuse, or trip over, and how to put it right: of all models or of those named. Empty where all is
   * well.
   */
  verify(names?: readonly string[]): Promise<readonly Problem[]>;
}

/** A repository in a local folder, which is made if it is not there. */
export async function createRepository(path: string): Promise<ModelRepository> {
  await mkdir(path, { recursive: true });
  return repositoryOf(createLocalStore(path));
}

/** A repository in a local folder that is there. @throws `no-model` if it is not */
export async function openRepository(path: string): Promise<ModelRepository> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() !== true)
    throw repositoryError("no-model", `there is no model repository at ${path}: it must be a folder`, {
      path,
    });
  return repositoryOf(createLocalStore(path));
}

/** A repository in any store. */
export function repositoryOf(store: ModelStore): ModelRepository {
  const read = async (name: string, path: string): Promise<Uint8Array> => {
    const contents = await store.read(checkModelName(name), checkModelPath(path));
    if (contents === undefined)
      throw repositoryError("no-model", `model ${name} has no ${path}, or is not in this repository`, {
        modelName: name,
        path,
      });
    return contents;
  };
  const config = async (name: string): Promise<ModelConfig> => {
    const text = new TextDecoder().decode(await read(name, "config.pbtxt"));
    const parsed = parseConfig(text, `${name}/config.pbtxt`);
    if (parsed.name === "") parsed.name = name;
    return parsed;
  };
  const versions = async (name: string): Promise<readonly number[]> => {
    const files = await readFiles(store, name);
    const found = files.map((path) => path.slice(0, Math.max(0, path.indexOf("/"))));
    return [...new Set(found.filter((entry) => VERSION.test(entry)))].map(Number).sort((a, b) => a - b);
  };
  return {
    store,
    list: () => store.list(),
    add: (models, { replace = false } = {}) =>
      putModels(store, "config" in models ? [models] : models, replace),
    config,
    async edit(name, changes) {
      const edited = editConfig(await config(name), changes);
      if (edited.name !== name)
        throw invalidOption(name, "name", edited.name, "left as it is: it is that of the model's folder");
      await replaceEntry(store, name, "config.pbtxt", formatConfig(edited));
      return edited;
    },
    read,
    versions,
    async addVersion(name, files, { version, replace = false } = {}) {
      const there = await versions(name);
      const number = version ?? (there.at(-1) ?? 0) + 1;
      if (!Number.isSafeInteger(number) || number < 1)
        throw invalidOption(name, "version", number, "a whole number ≥ 1");
      if (!replace && there.includes(number))
        throw repositoryError(
          "model-exists",
          `model ${name} has version ${number} already; pass { replace: true } to write over it, or leave the version out`,
          { modelName: name, version: number },
        );
      await replaceEntry(store, name, String(number), files);
      return number;
    },
    async removeVersion(name, version) {
      if (!(await versions(name)).includes(version))
        throw repositoryError("no-model", `model ${name} has no version ${version}`, {
          modelName: name,
          version,
        });
      await replaceEntry(store, name, String(version), undefined);
    },
    remove: async (name) => store.remove(checkModelName(name)),
    verify: (names) => verifyModels(store, names),
  };
}

/** Folders that Triton takes for versions; it passes over all others, and over 0. */
const VERSION = /^[1-9][0-9]*$/;
