import { create } from "@bufbuild/protobuf";
import { ModelParameterSchema } from "@strainflow/proto";
import { invalidOption, type TensorSpec } from "@strainflow/series";
import { type ConfigChanges, editConfig } from "./edit-config.ts";
import { repositoryError } from "./errors.ts";
import {
  addStates,
  modelConfig,
  type SequencePlacement,
  type StateDeclaration,
  type TensorDeclaration,
} from "./model-config.ts";
import { environmentFile, type ModelSource, versionFiles } from "./model-source.ts";
import type { ModelFiles } from "./model-store.ts";
import { inspectOnnx } from "./onnx/inspect.ts";
import { onnxModel } from "./onnx-model.ts";
import { type Platform, platforms } from "./platforms.ts";
import type { Model, ModelRepository } from "./repository.ts";

export interface ModelOptions extends SequencePlacement {
  readonly name: string;
  readonly platform: Exclude<Platform, "ensemble">;
  /**
   * Its file: bytes or a path; for `tensorflow_savedmodel` the folder with `saved_model.pb`; for `python` `model.py` or
   * the folder with it and what it imports. Or several files, by their path in the version's folder.
   */
  readonly source: ModelSource;
  /** What it takes; default, of ONNX files only: what the file says. Without the batch dimension if `maxBatchSize` ≥ 1. */
  readonly inputs?: readonly TensorDeclaration[];
  /** What it gives; default, of ONNX files only: what the file says. */
  readonly outputs?: readonly TensorDeclaration[];
  /** Default 0: shapes are whole, with the batch dimension. ≥ 1: requests bring a leading one of at most so many. */
  readonly maxBatchSize?: number;
  /** Tensors that go from each output to the next input of a sequence; the server keeps them. */
  readonly states?: readonly StateDeclaration[];
  /** Number of the version. Default 1. */
  readonly version?: number;
  /** With `python`: a packed environment (`.tar.gz` of conda-pack) that is put into the model's folder. */
  readonly environmentArchive?: string;
  /** All that these options do not say, as `editConfig` takes it. */
  readonly changes?: ConfigChanges;
}

/**
 * A model of any platform, as it goes into a repository: its file under the name that its backend looks for, and its
 * configuration.
 *
 * The kind is `AUTO` unless it is given (TensorRT: `GPU`; ONNX: `CPU`), and threads are limited for ONNX only.
 *
 * @throws `bad-source`, `bad-network` (ONNX), `invalid-option`
 */
export async function buildModel(options: ModelOptions): Promise<Model> {
  const { name, platform, version = 1, maxBatchSize = 0 } = options;
  if (!Number.isSafeInteger(version) || version < 1)
    throw invalidOption(name, "version", version, "a whole number ≥ 1");
  if (!Number.isSafeInteger(maxBatchSize) || maxBatchSize < 0)
    throw invalidOption(name, "maxBatchSize", maxBatchSize, "a whole number ≥ 0");
  const source = await versionFiles(name, platform, options.source);
  const { config, files } =
    platform === "onnxruntime_onnx" ? ofOnnx(options, source) : ofOther(options, source);
  config.maxBatchSize = maxBatchSize;
  const placed: Record<string, Uint8Array | string> = {};
  for (const [path, contents] of Object.entries(files))
    placed[path.replace(/^1\//, `${version}/`)] = contents;
  if (options.environmentArchive !== undefined) {
    if (config.backend !== "python")
      throw invalidOption(
        name,
        "environmentArchive",
        options.environmentArchive,
        "left out: this is no python model",
      );
    const { file, contents } = await environmentFile(name, options.environmentArchive);
    placed[file] = contents;
    config.parameters["EXECUTION_ENV_PATH"] = create(ModelParameterSchema, {
      stringValue: `$$TRITON_MODEL_DIRECTORY/${file}`,
    });
  }
  return { config: editConfig(config, options.changes ?? {}), files: placed };
}

/**
 * Adds a model of any platform.
 *
 * @example
 * ```ts
 * await addModel(repository, {
 *   name: "classifier",
 *   platform: "pytorch_libtorch",
 *   source: "classifier.pt",
 *   inputs: [{ name: "x__0", type: "FP32", shape: [-1, 2, 2048] }],
 *   outputs: [{ name: "score__0", type: "FP32", shape: [-1, 1] }],
 * });
 * ```
 *
 * @throws as {@link buildModel}; `model-exists` unless `replace` is set
 */
export async function addModel(
  repository: ModelRepository,
  options: ModelOptions & { readonly replace?: boolean },
): Promise<void> {
  await repository.add(await buildModel(options), { replace: options.replace ?? false });
}

function ofOnnx(options: ModelOptions, source: ModelFiles): Model {
  const { name, states = [], maxBatchSize = 0 } = options;
  const onnx = source["model.onnx"];
  if (!(onnx instanceof Uint8Array)) throw invalidOption(name, "source", "text", "bytes of an ONNX file");
  const facts = inspectOnnx(onnx);
  const held = new Set(
    states.flatMap(({ name: state, input, output }) => [
      input ?? `input_${state}`,
      output ?? `output_${state}`,
    ]),
  );
  const declare = (tensors: readonly TensorSpec[]): TensorDeclaration[] =>
    tensors
      .filter((tensor) => !held.has(tensor.name))
      .map((tensor) => withoutBatch(name, tensor, maxBatchSize));
  const model = onnxModel(
    {
      name,
      onnx,
      states,
      inputs: options.inputs ?? declare(facts.inputs),
      outputs: options.outputs ?? declare(facts.outputs),
    },
    options,
  );
  const beside = Object.entries(source).map(([path, contents]) => [`1/${path}`, contents] as const);
  return { config: model.config, files: { ...Object.fromEntries(beside), ...model.files } };
}

function withoutBatch(
  name: string,
  { name: tensor, datatype, shape }: TensorSpec,
  maxBatchSize: number,
): TensorDeclaration {
  if (maxBatchSize === 0) return { name: tensor, type: datatype, shape };
  if (shape[0] === -1) return { name: tensor, type: datatype, shape: shape.slice(1) };
  throw repositoryError(
    "bad-network",
    `${name}: ${tensor} is [${shape.join(", ")}] in the ONNX file; with maxBatchSize ${maxBatchSize} its first dimension ` +
      "must be of any size: export it with a dynamic batch, or leave maxBatchSize at 0",
    { modelName: name, tensor, shape },
  );
}

function ofOther(options: ModelOptions, source: ModelFiles): Model {
  const { name, platform, inputs, outputs, states = [] } = options;
  const { field, needsGpu = false, threads } = platforms[platform];
  if (inputs === undefined || outputs === undefined)
    throw invalidOption(
      name,
      inputs === undefined ? "inputs" : "outputs",
      "left out",
      `given: only ONNX files say what they take and give, and this is ${platform}`,
    );
  const kind = options.kind ?? (needsGpu ? "GPU" : "AUTO");
  const config = modelConfig({ name, inputs, outputs }, { ...options, kind });
  config[field] = platform;
  if (options.threads !== undefined && threads !== undefined)
    config.parameters[threads] = create(ModelParameterSchema, { stringValue: String(options.threads) });
  if (platform === "python" && options.environment !== undefined)
    config.parameters["EXECUTION_ENV_PATH"] = create(ModelParameterSchema, {
      stringValue: options.environment,
    });
  if (states.length > 0) addStates(config, states, options);
  const files = Object.entries(source).map(([path, contents]) => [`1/${path}`, contents] as const);
  return { config, files: Object.fromEntries(files) };
}
