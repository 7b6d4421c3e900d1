import { repositoryError } from "./errors.ts";

/**
 * Where the models of a repository lie: a folder, or a bucket.
 *
 * A model is a set of files by their relative paths (`config.pbtxt`, `1/model.onnx`); a path that ends in `/` is an
 * empty folder, which ensembles need as their version. Names and paths have been checked before they get here.
 */
export interface ModelStore {
  /** Names of the models, sorted. */
  list(): Promise<readonly string[]>;
  /**
   * Paths of a model's files and empty folders, sorted; undefined where there is no such model. What is hidden (a name
   * that begins with `.`) is not part of it.
   */
  files(model: string): Promise<readonly string[] | undefined>;
  /** Contents of one file; undefined where there is none. */
  read(model: string, path: string): Promise<Uint8Array | undefined>;
  /** Puts a model in place, whole or not at all, and takes the place of one that was there. */
  put(model: string, files: ModelFiles): Promise<void>;
  /** Puts several models in place, all of them or none. A store that cannot leaves it out: they are put one by one. */
  putAll?(models: ReadonlyMap<string, ModelFiles>): Promise<void>;
  /**
   * Replaces one entry of a model's folder, a file or a folder with all in it (paths of its files are then relative to
   * it), whole or not at all; `undefined` removes it. A store that cannot leaves it out: the whole model is put again.
   */
  replace?(
    model: string,
    entry: string,
    contents: Uint8Array | string | ModelFiles | undefined,
  ): Promise<void>;
  /** Removes a model; one that is not there is removed already. */
  remove(model: string): Promise<void>;
}

export type ModelFiles = Readonly<Record<string, Uint8Array | string>>;

const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/**
 * Checks the name of a model: letters, digits, `_`, `-` and `.`, at most 128, the first not `.` or `-`. So a name
 * never leaves the repository, never hides in it, and stands in a URL as it is.
 *
 * @throws `bad-model-name`
 */
export function checkModelName(name: string): string {
  if (!NAME.test(name))
    throw repositoryError(
      "bad-model-name",
      `${JSON.stringify(name)} cannot be the name of a model: use up to 128 letters, digits, "_", "-" and ".", ` +
        'and begin with a letter, a digit or "_"',
      { modelName: name },
    );
  return name;
}

/**
 * Checks the path of a file inside a model's folder: names like those of models, joined by `/`.
 *
 * @throws `bad-model-name`
 */
export function checkModelPath(path: string): string {
  const parts = (path.endsWith("/") ? path.slice(0, -1) : path).split("/");
  if (!parts.every((part) => NAME.test(part)))
    throw repositoryError(
      "bad-model-name",
      `${JSON.stringify(path)} cannot be a file of a model: it must be a relative path that stays inside the model's folder`,
      { path },
    );
  return path;
}
