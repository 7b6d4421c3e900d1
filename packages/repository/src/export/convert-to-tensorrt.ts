import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ModelConfig } from "@strainflow/proto";
import { invalidOption } from "@strainflow/series";
import { buildModel, type ModelOptions } from "../add-model.ts";
import { repositoryError } from "../errors.ts";
import { checkModelName } from "../model-store.ts";
import { inspectOnnx } from "../onnx/inspect.ts";
import { platformOf } from "../platforms.ts";
import type { ModelRepository } from "../repository.ts";
import { type BuildFacts, planParameters, readBuildFacts } from "./plan-facts.ts";
import { lastLines, runProgram } from "./run-program.ts";
import { type PlanOptions, shapeRanges, type Trtexec, trtexecCommand } from "./trtexec-command.ts";

export interface TensorRtOptions
  extends PlanOptions,
    Pick<ModelOptions, "instances" | "changes" | "maxBatchSize"> {
  readonly repository: ModelRepository;
  /** An ONNX model of the repository. */
  readonly model: string;
  /** Default: the latest. */
  readonly version?: number;
  /** Name of the plan's model. Default: the model's and `-tensorrt`. */
  readonly name?: string;
  /** Default: `trtexec` of the search path. Its TensorRT and GPU are to be those that serve. */
  readonly trtexec?: Trtexec;
  readonly replace?: boolean;
  /** Default 3,600,000: TensorRT tries many kernels. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** What `trtexec` says meanwhile. */
  readonly onOutput?: (text: string) => void;
}

/** A plan as it was added to the repository. */
export interface TensorRtPlan extends BuildFacts {
  readonly name: string;
  readonly config: ModelConfig;
}

/**
 * Converts an ONNX model of the repository with `trtexec`, here or in a container, and adds the plan as a model of its
 * own. The TensorRT and the GPU that built it go into its parameters, for `checkPlans`: a plan runs on its like only.
 *
 * @example
 * ```ts
 * await convertToTensorRt({
 *   repository,
 *   model: "classifier",
 *   batch: { opt: 16, max: 64 },
 *   precision: "fp16",
 *   trtexec: { engine: "apptainer", image: "tritonserver.sif" },
 * });
 * ```
 *
 * @throws `no-model`, `bad-network` if it is not ONNX, `invalid-option`, `export-unavailable` without a `trtexec`,
 * `export-failed` with its last words; the repository is then as it was
 */
export async function convertToTensorRt(options: TensorRtOptions): Promise<TensorRtPlan> {
  const { repository, model, name = `${model}-tensorrt`, replace = false, trtexec = "trtexec" } = options;
  checkModelName(name);
  if (!replace && (await repository.list()).includes(name))
    throw repositoryError(
      "model-exists",
      `model ${name} is in the repository already; replace it, or choose another name`,
      {
        modelName: name,
      },
    );
  const onnx = await onnxOf(repository, model, options.version);
  const { inputs, outputs } = inspectOnnx(onnx);
  const ranges = shapeRanges(name, inputs, options);
  for (const [input, { max }] of ranges)
    if ((options.maxBatchSize ?? 0) > (max[0] ?? 0))
      throw invalidOption(
        name,
        "maxBatchSize",
        options.maxBatchSize,
        `at most ${max[0]}, the most that ${input} takes`,
      );
  const folder = await mkdtemp(join(tmpdir(), "strainflow-tensorrt-"));
  try {
    await writeFile(join(folder, "model.onnx"), onnx);
    const facts = await build(
      options,
      name,
      folder,
      trtexecCommand(trtexec, folder, ranges, options, `strainflow-${randomUUID()}`),
    );
    const plan = await readFile(join(folder, "model.plan"));
    const { changes = {}, maxBatchSize = 0, instances } = options;
    const shaped = (shape: readonly number[]): readonly number[] =>
      maxBatchSize === 0 ? shape : shape.slice(1);
    const declare = (tensors: typeof inputs): NonNullable<ModelOptions["inputs"]> =>
      tensors.map((tensor) => ({ name: tensor.name, type: tensor.datatype, shape: shaped(tensor.shape) }));
    const built = await buildModel({
      name,
      platform: "tensorrt_plan",
      source: plan,
      inputs: declare(inputs),
      outputs: declare(outputs),
      maxBatchSize,
      ...(instances === undefined ? {} : { instances }),
      changes: { ...changes, parameters: { ...changes.parameters, ...planParameters(facts, options) } },
    });
    await repository.add(built, { replace });
    return { name, config: built.config, ...facts };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function onnxOf(repository: ModelRepository, model: string, version?: number): Promise<Uint8Array> {
  const config = await repository.config(model);
  if (platformOf(config) !== "onnxruntime_onnx")
    throw repositoryError(
      "bad-network",
      `model ${model} is ${config.platform || config.backend}; TensorRT converts ONNX, so export it as that first`,
      { modelName: model },
    );
  const latest = version ?? (await repository.versions(model)).at(-1) ?? 1;
  return repository.read(model, `${latest}/${config.defaultModelFilename || "model.onnx"}`);
}

async function build(
  options: TensorRtOptions,
  name: string,
  folder: string,
  { command, args }: ReturnType<typeof trtexecCommand>,
): Promise<BuildFacts> {
  const { timeoutMs = 3_600_000, signal, onOutput, trtexec } = options;
  let said = "";
  const end = await runProgram({
    command,
    args,
    cwd: folder,
    timeoutMs,
    ...(signal === undefined ? {} : { signal }),
    onOutput: (text) => {
      // What built it stands at the beginning, of megabytes.
      if (said.length < 1 << 20) said += text;
      onOutput?.(text);
    },
  }).catch(async (cause: unknown) => {
    await endContainer(trtexec, args);
    if (signal?.aborted === true) throw cause;
    throw repositoryError(
      "export-unavailable",
      `${name}: ${command} cannot be run; give the path of trtexec, which comes with TensorRT, or a container that has it (trtexec)`,
      { modelName: name, command },
      cause,
    );
  });
  if (end.timedOut) await endContainer(trtexec, args);
  if (end.code !== 0 || end.timedOut) {
    const faults = said.split("\n").filter((line) => /\[E\]|error/i.test(line));
    throw repositoryError(
      "export-failed",
      `${name}: trtexec ${end.timedOut ? `took longer than ${timeoutMs / 1000} s (timeoutMs)` : `ended with status ${end.code}`}; ` +
        `it says:\n${lastLines(faults.length > 0 ? faults.join("\n") : end.output, 4)}`,
      { modelName: name, code: end.code, command, args },
    );
  }
  return readBuildFacts(name, said);
}

/** Docker's client does not take its container with it. */
async function endContainer(trtexec: Trtexec | undefined, args: readonly string[]): Promise<void> {
  if (typeof trtexec !== "object" || trtexec.engine !== "docker") return;
  const container = args[args.indexOf("--name") + 1] ?? "";
  await runProgram({
    command: trtexec.command ?? "docker",
    args: ["kill", container],
    timeoutMs: 30_000,
  }).catch(() => {
    // There is no Docker, and so no container.
  });
}
