import type { ModelConfig } from "@strainflow/proto";
import { isStrainflowError } from "@strainflow/series";
import { parseConfig } from "./config-text.ts";
import { checkModelName, type ModelStore } from "./model-store.ts";
import { inspectOnnx, type OnnxFacts } from "./onnx/inspect.ts";
import { type Platform, platformOf, platforms } from "./platforms.ts";
import { verifyBatching } from "./verify-batching.ts";
import { verifyEnsemble } from "./verify-ensemble.ts";
import { servedVersions, verifyFiles } from "./verify-files.ts";
import { verifySequence } from "./verify-sequence.ts";
import { verifyTensors } from "./verify-tensors.ts";

/** Something about a model that Triton would refuse, or trip over later. */
export interface Problem {
  readonly model: string;
  /** The field or file: `sequence_batching.state[0].dims`, `1/model.onnx`. */
  readonly where: string;
  /** `error`: the load fails, or every request. `warning`: it loads, and does what nobody wanted. */
  readonly severity: "error" | "warning";
  readonly problem: string;
  /** What to do about it. */
  readonly fix: string;
}

/** A model as it is checked. */
export interface CheckedModel {
  readonly name: string;
  readonly config: ModelConfig;
  readonly platform: Platform | undefined;
  /** Paths of its files. */
  readonly files: readonly string[];
  /** Of the latest version, where it is an ONNX file that can be read. */
  readonly onnx?: OnnxFacts;
}

/** Tells of one problem; the model's name is added. */
export type Report = (severity: Problem["severity"], where: string, problem: string, fix: string) => void;

/** Checks models of a store, all of them by default. */
export async function verifyModels(
  store: ModelStore,
  names?: readonly string[],
): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  const there = new Map<string, CheckedModel>();
  const reportFor =
    (model: string): Report =>
    (severity, where, problem, fix) =>
      problems.push({ model, where, severity, problem, fix });
  const all = await store.list();
  for (const name of all) {
    const checked = await read(
      store,
      name,
      names === undefined || names.includes(name) ? reportFor(name) : () => {},
    );
    if (checked !== undefined) there.set(name, checked);
  }
  for (const name of names ?? all) {
    const model = there.get(name);
    const report = reportFor(name);
    if (model === undefined) {
      if (!all.includes(name)) report("error", "", "there is no such model", "check its name, or add it");
      continue;
    }
    verifyFiles(model, report);
    verifyTensors(model, report);
    verifyBatching(model, report);
    verifySequence(model, report);
    verifyEnsemble(model, (step) => there.get(step), report);
  }
  return problems;
}

async function read(store: ModelStore, name: string, report: Report): Promise<CheckedModel | undefined> {
  try {
    checkModelName(name);
  } catch {
    const fix = 'use letters, digits, "_", "-" and ".", and begin with a letter, a digit or "_"';
    report("error", "", "its name cannot stand in a URL as it is, or is too long", fix);
    return undefined;
  }
  const files = (await store.files(name)) ?? [];
  const text = await store.read(name, "config.pbtxt");
  if (text === undefined) {
    const fix =
      "write a config.pbtxt; this library needs one, and so does Triton unless the backend can complete it";
    report("error", "config.pbtxt", "is missing", fix);
    return undefined;
  }
  try {
    const config = parseConfig(new TextDecoder().decode(text), `${name}/config.pbtxt`);
    const platform = platformOf(config);
    const onnx = await onnxFacts(store, name, config, platform, files, report);
    return { name, config, platform, files, ...(onnx === undefined ? {} : { onnx }) };
  } catch (error) {
    if (!isStrainflowError(error)) throw error;
    report("error", "config.pbtxt", error.message, "correct the text where the message points");
    return undefined;
  }
}

async function onnxFacts(
  store: ModelStore,
  name: string,
  config: ModelConfig,
  platform: Platform | undefined,
  files: readonly string[],
  report: Report,
): Promise<OnnxFacts | undefined> {
  if (platform !== "onnxruntime_onnx") return undefined;
  const version = servedVersions(config, files).at(-1);
  const path = `${version}/${config.defaultModelFilename || platforms[platform].file}`;
  const bytes = version === undefined || !files.includes(path) ? undefined : await store.read(name, path);
  if (bytes === undefined) return undefined;
  try {
    return inspectOnnx(bytes);
  } catch (error) {
    if (!isStrainflowError(error)) throw error;
    report("error", path, error.message, "put the exported network there");
    return undefined;
  }
}
