import { mkdir, stat } from "node:fs/promises";
import type { ModelConfig } from "@strainflow/proto";
import { formatConfig, parseConfig } from "./config-text.ts";
import { repositoryError } from "./errors.ts";
import { createLocalStore } from "./local-store.ts";
import { checkModelName, type ModelFiles, type ModelStore } from "./model-store.ts";

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
   * Puts a model in, whole or not at all.
   *
   * @throws `bad-model-name`; `model-exists` unless `replace` is set
   */
  add(model: Model, options?: { readonly replace?: boolean }): Promise<void>;
  /** @throws `no-model`, `bad-model-config` */
  config(name: string): Promise<ModelConfig>;
  /** One file of a model. @throws `no-model` */
  read(name: string, path: string): Promise<Uint8Array>;
  /** Removes a model, if it is there. */
  remove(name: string): Promise<void>;
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
    const contents = await store.read(checkModelName(name), path);
    if (contents === undefined)
      throw repositoryError("no-model", `model ${name} has no ${path}, or is not in this repository`, {
        modelName: name,
        path,
      });
    return contents;
  };
  return {
    store,
    list: () => store.list(),
    async add({ config, files }, { replace = false } = {}) {
      checkModelName(config.name);
      if (!replace && (await store.files(config.name)) !== undefined)
        throw repositoryError(
          "model-exists",
          `model ${config.name} is in the repository already; pass { replace: true } to write over it`,
          { modelName: config.name },
        );
      await store.put(config.name, { "config.pbtxt": formatConfig(config), ...files });
    },
    async config(name) {
      const text = new TextDecoder().decode(await read(name, "config.pbtxt"));
      const config = parseConfig(text, `${name}/config.pbtxt`);
      if (config.name === "") config.name = name;
      return config;
    },
    read,
    remove: async (name) => store.remove(checkModelName(name)),
  };
}
