import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { fromText } from "@bufbuild/protobuf/txtpb";
import { type ModelConfig, ModelConfigSchema } from "@strainflow/proto";
import { StrainflowError } from "@strainflow/series";
import { notLoadable } from "./model-spec.ts";

/** One model of a repository as it lies on the disk. */
export interface ModelFolder {
  readonly name: string;
  readonly path: string;
  readonly config: ModelConfig;
  /** The versions to serve, lowest first; maybe none. */
  readonly versions: readonly string[];
  /** Versions that the policy asks for and that are not there. */
  readonly missing: readonly string[];
  /** Per version: what would change if its files, the configuration or what lies beside it did. */
  readonly fingerprints: ReadonlyMap<string, string>;
}

/** The folders of a model repository, by name. @throws `repository-not-readable` if the repository is not there */
export async function modelFolderNames(path: string): Promise<readonly string[]> {
  const names = await readdir(path).catch((cause: unknown) => {
    throw new StrainflowError(
      "repository-not-readable",
      `${path} is not a folder that can be read; a model repository holds one folder per model`,
      { cause, details: { path } },
    );
  });
  const folders: string[] = [];
  for (const name of names.sort()) {
    const found = name.startsWith(".") ? undefined : await stat(join(path, name)).catch(() => undefined);
    if (found?.isDirectory() === true) folders.push(name);
  }
  return folders;
}

/**
 * Reads one model's folder. `override`: a configuration in place of the one that lies there. Without any, the model is
 * taken for ONNX and its configuration is completed from the file.
 *
 * @throws `model-not-loadable` if the configuration does not parse or names another model
 */
export async function readModelFolder(
  name: string,
  path: string,
  override?: ModelConfig,
): Promise<ModelFolder> {
  const config = override ?? (await readConfig(name, join(path, "config.pbtxt")));
  if (config.name === "") config.name = name;
  if (config.name !== name)
    throw notLoadable(name, `its configuration names it '${config.name}'; folder and name must agree`);
  const entries = await readdir(path, { withFileTypes: true });
  const isVersion = (entry: (typeof entries)[number]): boolean =>
    !entry.isFile() && /^[1-9][0-9]{0,17}$/.test(entry.name);
  const present = entries
    .filter(isVersion)
    .map((entry) => Number(entry.name))
    .sort((a, b) => a - b);
  // An ensemble has nothing in its version folder, and an empty folder is easily lost on the way.
  if (present.length === 0 && config.platform === "ensemble") present.push(1);
  const { versions, missing } = chooseVersions(config, present);
  const beside = await Promise.all(
    entries.filter((entry) => !isVersion(entry)).map((entry) => fingerprint(path, entry.name)),
  );
  const fingerprints = new Map<string, string>();
  for (const version of versions)
    fingerprints.set(version, [...beside, await fingerprint(path, version)].join(";"));
  return { name, path, config, versions, missing, fingerprints };
}

async function readConfig(name: string, file: string): Promise<ModelConfig> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw notLoadable(name, `${file} cannot be read`, cause);
  });
  if (text === undefined) return create(ModelConfigSchema, { platform: "onnxruntime_onnx" });
  try {
    return fromText(ModelConfigSchema, text);
  } catch (cause) {
    throw notLoadable(name, `${file}: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
}

/** Times and sizes of a file, or of all below a folder; a folder that is not there has none. */
async function fingerprint(parent: string, name: string): Promise<string> {
  const path = join(parent, name);
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  if (found === undefined) return "";
  if (!found.isDirectory()) return `${name}:${found.mtimeNs}:${found.size}`;
  const names = (await readdir(path).catch(() => [])).sort();
  return `${name}/(${(await Promise.all(names.map((inner) => fingerprint(path, inner)))).join(";")})`;
}

function chooseVersions(
  config: ModelConfig,
  present: readonly number[],
): Pick<ModelFolder, "versions" | "missing"> {
  const choice = config.versionPolicy?.policyChoice;
  const all = (versions: readonly number[]): Pick<ModelFolder, "versions" | "missing"> => ({
    versions: versions.map(String),
    missing: [],
  });
  switch (choice?.case) {
    case "all":
      return all(present);
    case "specific": {
      const wanted = [...new Set(choice.value.versions.map(Number))].sort((a, b) => a - b);
      return {
        versions: wanted.filter((version) => present.includes(version)).map(String),
        missing: wanted.filter((version) => !present.includes(version)).map(String),
      };
    }
    default: {
      // Triton serves the highest version alone unless told otherwise.
      const count = choice?.case === "latest" ? Math.max(1, choice.value.numVersions) : 1;
      return all(present.slice(-count));
    }
  }
}
