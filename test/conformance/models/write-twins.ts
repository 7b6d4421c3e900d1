import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { BATCHES } from "./batches.ts";
import { DECOUPLED } from "./decoupled.ts";
import { ITERATIVE } from "./iterative.ts";
import { RAGGED } from "./ragged.ts";
import { STATEFUL } from "./stateful.ts";
import { STATELESS } from "./stateless.ts";
import type { TwinModel } from "./twin-model.ts";

export const TWINS: readonly TwinModel[] = [
  ...STATELESS,
  ...STATEFUL,
  ...DECOUPLED,
  ...ITERATIVE,
  ...BATCHES,
  ...RAGGED,
];

export interface TwinRepository {
  readonly path: string;
  remove(): Promise<void>;
}

/** Writes all models as one of the two servers reads them. */
export async function writeTwins(
  form: "python" | "onnx",
  models: readonly TwinModel[] = TWINS,
): Promise<TwinRepository> {
  const path = await mkdtemp(join(tmpdir(), `strainflow-${form}-`));
  for (const model of models)
    for (const [file, content] of Object.entries(filesOf(model, form))) {
      await mkdir(dirname(join(path, model.name, file)), { recursive: true });
      if (!file.endsWith("/")) await writeFile(join(path, model.name, file), content);
    }
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

function filesOf(model: TwinModel, form: "python" | "onnx"): Record<string, string | Uint8Array> {
  const files: Record<string, string | Uint8Array> = { ...model.files };
  const head = `name: "${model.name}"\n${model.config}`;
  if (model.python === undefined) return { ...files, "config.pbtxt": head, "1/.keep": "" };
  if (form === "python") {
    files["config.pbtxt"] = `backend: "python"\n${head}${model.python.config ?? ""}`;
    for (const version of model.versions ?? ["1"]) files[`${version}/model.py`] = model.python.code;
    return files;
  }
  const native = model.onnx?.config?.includes("backend:") ?? false;
  files["config.pbtxt"] =
    `${native ? "" : 'platform: "onnxruntime_onnx"\n'}${head}${model.onnx?.config ?? ""}`;
  for (const [version, bytes] of Object.entries(model.onnx?.graphs ?? {}))
    files[`${version}/model.onnx`] = bytes;
  if (native) files["1/.keep"] = "";
  return files;
}
