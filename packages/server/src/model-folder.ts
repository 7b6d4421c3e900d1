import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { fromText } from "@bufbuild/protobuf/txtpb";
import { type ModelConfig, ModelConfigSchema } from "@strainflow/proto";
import { StrainflowError } from "@strainflow/series";
import { notLoadable } from "./model-spec.ts";

/** One model of a repository as it lies on the disk. */
export interface ModelFolder {
  readonly name: string;
  readonly path: string;
  readonly config: ModelConfig;
  /** The versions to serve, lowest first. */
  readonly versions: readonly string[];
}

/**
 * Reads a model repository: a folder per model with its `config.pbtxt` and numbered version folders.
 *
 * @throws `repository-not-readable` if the folder is not there
 * @throws `model-not-loadable` if a configuration does not parse or does not fit its folder
 */
export async function readModelRepository(path: string): Promise<readonly ModelFolder[]> {
  const names = await readdir(path).catch((cause: unknown) => {
    throw new StrainflowError(
      "repository-not-readable",
      `${path} is not a folder that can be read; a model repository holds one folder per model`,
      { cause, details: { path } },
    );
  });
  const folders: ModelFolder[] = [];
  for (const name of names.sort()) {
    const folder = join(path, name);
    if (name.startsWith(".") || !(await stat(folder)).isDirectory()) continue;
    folders.push(await readModelFolder(name, folder));
  }
  return folders;
}

async function readModelFolder(name: string, path: string): Promise<ModelFolder> {
  const file = join(path, "config.pbtxt");
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw notLoadable(name, `${file} cannot be read; every model needs its configuration there`, cause);
  });
  const config = parseConfig(name, file, text);
  if (config.name === "") config.name = name;
  if (config.name !== name)
    throw notLoadable(name, `its configuration names it '${config.name}'; folder and name must agree`);
  const present = (await readdir(path, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory() && /^[1-9][0-9]{0,17}$/.test(entry.name))
    .map((entry) => Number(entry.name))
    .sort((a, b) => a - b);
  // An ensemble has nothing in its version folder, and an empty folder is easily lost on the way.
  if (present.length === 0 && config.platform === "ensemble") present.push(1);
  const versions = chooseVersions(config, present);
  if (versions.length === 0)
    throw notLoadable(name, `${path} has no version folder to serve; put the model into ${join(path, "1")}`);
  return { name, path, config, versions: versions.map(String) };
}

function parseConfig(name: string, file: string, text: string): ModelConfig {
  try {
    return fromText(ModelConfigSchema, text);
  } catch (cause) {
    throw notLoadable(name, `${file}: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
}

function chooseVersions(config: ModelConfig, present: readonly number[]): readonly number[] {
  const choice = config.versionPolicy?.policyChoice;
  switch (choice?.case) {
    case "all":
      return present;
    case "specific": {
      const wanted = choice.value.versions.map(Number);
      const missing = wanted.filter((version) => !present.includes(version));
      if (missing.length > 0)
        throw notLoadable(
          config.name,
          `version_policy asks for version ${missing.join(", ")}, which is not there`,
        );
      return present.filter((version) => wanted.includes(version));
    }
    default: {
      // Triton serves the highest version alone unless told otherwise.
      const count = choice?.case === "latest" ? Math.max(1, choice.value.numVersions) : 1;
      return present.slice(-count);
    }
  }
}
