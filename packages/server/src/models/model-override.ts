import { rmSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fromJsonString } from "@bufbuild/protobuf";
import { type ModelConfig, ModelConfigSchema } from "@strainflow/proto";
import type { FolderToLoad } from "./model-control.ts";
import { readModelFolder } from "./model-folder.ts";
import { notLoadable } from "./model-spec.ts";

/** What a load brings along in place of what lies in the repository. */
export interface LoadOverride {
  /** A configuration as JSON. */
  readonly config?: string;
  /** By path within the model's folder: `1/model.onnx`. Where there are any, nothing of the folder itself is used. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/**
 * A model with an overridden configuration, or with files of its own, which lie in a temporary folder until nothing uses
 * them any more. `path`: the model's folder in the repository, if it has one.
 *
 * @throws `model-not-loadable` if the configuration does not parse, or files come without one
 */
export async function overriddenFolder(
  name: string,
  path: string | undefined,
  { config, files }: LoadOverride,
): Promise<FolderToLoad> {
  if (config === undefined) throw notLoadable(name, "files can be given only along with a configuration");
  const parsed = parseConfig(name, config);
  if (files.size === 0) {
    if (path === undefined) throw notLoadable(name, "it is not in the repository");
    return { folder: await readModelFolder(name, path, parsed) };
  }
  const folder = await mkdtemp(join(tmpdir(), "strainflow-model-"));
  try {
    for (const [file, bytes] of files) {
      const target = join(folder, safePath(name, file));
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, bytes);
    }
    return {
      folder: await readModelFolder(name, folder, parsed),
      dispose: () => rmSync(folder, { recursive: true, force: true }),
    };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

function parseConfig(name: string, json: string): ModelConfig {
  try {
    const config = fromJsonString(ModelConfigSchema, json);
    if (config.maxBatchSize < 0) throw new RangeError("max_batch_size must be at least 0");
    if (config.platform === "" && config.backend === "") config.platform = "onnxruntime_onnx";
    return config;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw notLoadable(name, `the configuration that was given is not one: ${why}`, cause);
  }
}

/** A name out of a request never leaves the model's folder. */
function safePath(name: string, file: string): string {
  const parts = file.split("/");
  if (parts.some((part) => part === "" || part === "." || part === ".." || /[\\\0]/.test(part)))
    throw notLoadable(name, `'${file}' is not a path within a model's folder`);
  return join(...parts);
}
