import { randomUUID } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { ModelConfig } from "@strainflow/proto";
import { invalidOption, type TensorSpec } from "@strainflow/series";
import { buildModel, type ModelOptions } from "../add-model.ts";
import { repositoryError } from "../errors.ts";
import type { TensorDeclaration } from "../model-config.ts";
import { checkModelName } from "../model-store.ts";
import type { Platform } from "../platforms.ts";
import type { Model, ModelRepository } from "../repository.ts";
import { checkInputs, type ExportInput } from "./export-input.ts";
import { type ExportReport, readReport } from "./export-report.ts";
import { lastLines, runProgram } from "./run-program.ts";

export type ExportFramework = "torch" | "keras";
export type ExportFormat = "onnx" | "torchscript" | "savedmodel";

export interface ExportOptions
  extends Omit<ModelOptions, "platform" | "source" | "inputs" | "outputs" | "version"> {
  readonly repository: ModelRepository;
  readonly framework: ExportFramework;
  /**
   * The trained network: `module:callable`, a network or what makes one, looked for on the Python path, which begins
   * with {@link cwd}; or a file (Torch: TorchScript `.pt`, exported program `.pt2`, pickle of a whole module with
   * {@link trustPickle}; Keras: `.keras`, `.h5`).
   */
  readonly network: string;
  /** A file of weights that is loaded into what `module:callable` gives. */
  readonly weights?: string;
  readonly inputs: readonly ExportInput[];
  /** Names of its outputs, in order. Default: keys of a mapping or names of Keras' layers; else `output`, `output_0`, … */
  readonly outputs?: readonly string[];
  /** Default `onnx`. Torch: also `torchscript`; Keras: also `savedmodel`. */
  readonly format?: ExportFormat;
  /** Version of ONNX's operators. Default: the framework's. */
  readonly opset?: number;
  /** The Python of the environment that has the framework. Default `python3`, which is that of an active environment. */
  readonly python?: string;
  /** Where the network's modules and relative paths are looked for. Default: the current folder. */
  readonly cwd?: string;
  /** Seed of the inputs that outputs are compared for. Default 1. */
  readonly seed?: number;
  /** Largest relative difference of an output. Default 1e-4: float32 added up in another order. */
  readonly relativeTolerance?: number;
  /** Largest absolute difference of an output beside that. Default 1e-5. */
  readonly absoluteTolerance?: number;
  /** Load a pickle of a whole network, which runs whatever code is in it. Default false. */
  readonly trustPickle?: boolean;
  /** Default `new`: an error if the model is there. `replace` writes over it, `version` adds a version to it. */
  readonly publish?: "new" | "replace" | "version";
  /** Default 1,800,000: large networks are long in compiling. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** What the framework and the network say meanwhile. */
  readonly onOutput?: (text: string) => void;
}

/** A network as it was published. */
export interface ExportedNetwork extends Pick<ExportReport, "compared" | "versions"> {
  readonly name: string;
  readonly version: number;
  readonly platform: Platform;
  /** As they came out: shapes with the batch, −1 where any size will do. */
  readonly config: ModelConfig;
}

const PROGRAM = fileURLToPath(new URL("../../python/export_network.py", import.meta.url));

const PLATFORMS = {
  onnx: "onnxruntime_onnx",
  torchscript: "pytorch_libtorch",
  savedmodel: "tensorflow_savedmodel",
} as const satisfies Record<ExportFormat, Platform>;

const FORMATS: Readonly<Record<ExportFramework, readonly ExportFormat[]>> = {
  torch: ["onnx", "torchscript"],
  keras: ["onnx", "savedmodel"],
};

/**
 * Exports a trained network in the user's own Python environment, compares what came out with the network itself on
 * seeded noise, at several batch sizes where the batch is free, and only then puts it into the repository. Whatever
 * fails, the repository stays as it was.
 *
 * @example
 * ```ts
 * await exportNetwork({
 *   repository: await createRepository("models"),
 *   name: "classifier",
 *   framework: "torch",
 *   network: "training.model:load_best",
 *   inputs: [{ name: "strain", shape: [-1, 2, 2048] }],
 * });
 * ```
 *
 * @throws `export-unavailable` where Python, the framework or what it needs is missing, with the command that installs
 * it; `export-failed`; `export-mismatch` where outputs differ; `invalid-option`; `model-exists`
 */
export async function exportNetwork(options: ExportOptions): Promise<ExportedNetwork> {
  const { inputs: asked, outputs: names = null, ...rest } = options;
  const { repository, name, framework, format = "onnx", publish = "new" } = rest;
  checkModelName(name);
  const inputs = checkInputs(name, asked);
  if (!FORMATS[framework].includes(format))
    throw invalidOption(name, "format", format, `one of ${FORMATS[framework].join(", ")} with ${framework}`);
  // Minutes of exporting would end in this otherwise.
  const there = (await repository.list()).includes(name);
  if (publish === "new" && there)
    throw repositoryError(
      "model-exists",
      `model ${name} is in the repository already; publish it as a new version, or replace it`,
      { modelName: name },
    );
  const folder = join(tmpdir(), `strainflow-export-${randomUUID()}`);
  const out = join(folder, "out");
  await mkdir(out, { recursive: true });
  try {
    const report = await runExport(rest, { folder, out, format, inputs, names });
    const model = await buildModel({
      ...rest,
      ...tensorsOf(name, report, options.maxBatchSize ?? 0),
      platform: PLATFORMS[format],
      source: out,
    });
    const version = publish === "version" && there ? await addVersion(repository, model) : 1;
    if (publish !== "version" || !there) await repository.add(model, { replace: publish === "replace" });
    const { compared, versions } = report;
    return { name, version, platform: PLATFORMS[format], config: model.config, compared, versions };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Place {
  readonly folder: string;
  readonly out: string;
  readonly format: ExportFormat;
  readonly inputs: readonly Required<ExportInput>[];
  readonly names: readonly string[] | null;
}

async function runExport(
  options: Omit<ExportOptions, "inputs" | "outputs">,
  { folder, out, format, inputs, names }: Place,
): Promise<ExportReport> {
  const {
    name,
    network,
    framework,
    python = "python3",
    cwd = process.cwd(),
    timeoutMs = 1_800_000,
  } = options;
  const callable = /^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$/.test(network);
  const [request, result] = [join(folder, "request.json"), join(folder, "result.json")];
  await writeFile(
    request,
    JSON.stringify({
      framework,
      format,
      kind: callable ? "callable" : "file",
      network: callable ? network : resolve(cwd, network),
      weights: options.weights === undefined ? null : resolve(cwd, options.weights),
      inputs,
      outputs: names,
      opset: options.opset ?? null,
      seed: options.seed ?? 1,
      rtol: options.relativeTolerance ?? 1e-4,
      atol: options.absoluteTolerance ?? 1e-5,
      trustPickle: options.trustPickle ?? false,
      out,
    }),
  );
  const { signal, onOutput } = options;
  const end = await runProgram({
    command: python,
    args: ["-B", PROGRAM, request, result],
    cwd,
    timeoutMs,
    ...(signal === undefined ? {} : { signal }),
    ...(onOutput === undefined ? {} : { onOutput }),
  }).catch((cause: unknown) => {
    if (signal?.aborted === true) throw cause;
    throw repositoryError(
      "export-unavailable",
      `${name}: there is no Python at ${python}; activate the environment that has ${framework}, or give its path with --python (python)`,
      { modelName: name, python },
      cause,
    );
  });
  const text = await readFile(result, "utf8").catch(() => undefined);
  if (end.code === 0 && text !== undefined) return readReport(name, text);
  const last = lastLines(end.output);
  throw repositoryError(
    "export-failed",
    `${name}: the export ${end.timedOut ? `took longer than ${timeoutMs / 1000} s (timeoutMs)` : `ended with status ${end.code}`}` +
      (last === "" ? "" : `; its last words:\n${last}`),
    { modelName: name, code: end.code, output: end.output },
  );
}

/** What a file that does not say it itself takes and gives. */
function tensorsOf(
  name: string,
  { inputs, outputs }: ExportReport,
  maxBatchSize: number,
): Pick<ModelOptions, "inputs" | "outputs"> {
  if (inputs === undefined || outputs === undefined) return {};
  const declare = (tensor: TensorSpec): TensorDeclaration => {
    const { name: tensorName, datatype: type, shape } = tensor;
    if (maxBatchSize === 0) return { name: tensorName, type, shape };
    if (shape[0] === -1) return { name: tensorName, type, shape: shape.slice(1) };
    throw invalidOption(
      name,
      "maxBatchSize",
      maxBatchSize,
      `0, since ${tensorName} is [${shape.join(", ")}] and has no free batch`,
    );
  };
  return { inputs: inputs.map(declare), outputs: outputs.map(declare) };
}

/** Adds a version to a model that takes and gives the same. */
async function addVersion(repository: ModelRepository, { config, files }: Model): Promise<number> {
  const there = await repository.config(config.name);
  const say = (one: ModelConfig): string =>
    [
      `${one.platform || one.backend}, batch ${one.maxBatchSize}`,
      ...one.input.map((tensor) => `${tensor.name} ${tensor.dataType} [${tensor.dims.join(", ")}]`),
      ...one.output.map((tensor) => `${tensor.name} ${tensor.dataType} [${tensor.dims.join(", ")}]`),
    ].join("; ");
  if (say(there) !== say(config))
    throw repositoryError(
      "export-mismatch",
      `model ${config.name} is another one: it has ${say(there)}, and what was exported ${say(config)}. ` +
        "Versions share one configuration; replace the model, or give this one another name",
      { modelName: config.name },
    );
  const inside = Object.entries(files).map(
    ([path, contents]) => [path.replace(/^1\//, ""), contents] as const,
  );
  return repository.addVersion(config.name, Object.fromEntries(inside));
}
