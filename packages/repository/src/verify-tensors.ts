import type { ModelConfig } from "@strainflow/proto";
import { DataType } from "@strainflow/proto";
import type { TensorSpec } from "@strainflow/series";
import { DATA_TYPES } from "./model-config.ts";
import { dimsAgree, showDims, typeName } from "./tensor-words.ts";
import type { CheckedModel, Report } from "./verify.ts";

interface Declared {
  readonly name: string;
  readonly dataType: DataType;
  readonly dims: readonly bigint[];
}

/** What a model takes and gives: as Triton wants it said, and as its file has it. */
export function verifyTensors(model: CheckedModel, report: Report): void {
  const { config, platform, onnx } = model;
  if (config.maxBatchSize < 0)
    report(
      "error",
      "max_batch_size",
      `is ${config.maxBatchSize}`,
      "use 0 for whole shapes, or the largest batch",
    );
  const completes = platform !== "python" && platform !== "ensemble" && platform !== undefined;
  for (const [what, tensors] of [
    ["input", config.input],
    ["output", config.output],
  ] as const) {
    if (tensors.length === 0 && !completes)
      report("warning", what, "none is declared, and nothing tells the server", `declare each ${what}`);
    verifyDeclarations(what, tensors, config, report);
    if (platform === "pytorch_libtorch") verifyTorchNames(what, tensors, report);
  }
  if (onnx !== undefined) verifyAgainstFile(config, onnx, report);
}

function verifyDeclarations(
  what: string,
  tensors: readonly Declared[],
  config: ModelConfig,
  report: Report,
): void {
  const seen = new Set<string>();
  for (const [i, { name, dataType, dims }] of tensors.entries()) {
    const where = name === "" ? `${what}[${i}]` : `${what} ${name}`;
    if (name === "") report("error", where, "has no name", "name it as the model does");
    if (seen.has(name)) report("error", where, "is declared twice", "take one of them out");
    seen.add(name);
    if (dataType === DataType.TYPE_INVALID)
      report("error", `${where}.data_type`, "is missing", "say it, such as TYPE_FP32");
    if (dims.length === 0 && config.maxBatchSize === 0)
      report("error", `${where}.dims`, "are missing", "give the whole shape, −1 for any size");
    if (dims.some((size) => size < 1n && size !== -1n))
      report("error", `${where}.dims`, `are ${showDims(dims)}`, "each must be ≥ 1, or −1 for any size");
  }
}

/** TorchScript has no names of outputs: Triton takes their place from the end of the name. */
function verifyTorchNames(what: string, tensors: readonly Declared[], report: Report): void {
  for (const { name } of tensors)
    if (!/__\d+$/.test(name))
      report(
        what === "output" ? "error" : "warning",
        `${what} ${name}`,
        "TorchScript's tensors are found by the number at the end of their names",
        `name it ${name}__0, with its place among the ${what}s${what === "input" ? ", or as an argument of forward()" : ""}`,
      );
}

function verifyAgainstFile(
  config: ModelConfig,
  onnx: { readonly inputs: readonly TensorSpec[]; readonly outputs: readonly TensorSpec[] },
  report: Report,
): void {
  const { schedulingChoice } = config;
  const batching = schedulingChoice.case === "sequenceBatching" ? schedulingChoice.value : undefined;
  const fed = new Set([
    ...(batching?.state ?? []).map((state) => state.inputName),
    ...(batching?.controlInput ?? []).map((control) => control.name),
  ]);
  for (const { name } of onnx.inputs)
    if (config.input.length > 0 && !fed.has(name) && !config.input.some((input) => input.name === name))
      report(
        "error",
        `input ${name}`,
        "the ONNX file takes it, and nothing feeds it",
        "declare it as an input, or as input_name of a state",
      );
  compare("input", config.input, onnx.inputs, config.maxBatchSize, report);
  compare("output", config.output, onnx.outputs, config.maxBatchSize, report);
}

function compare(
  what: string,
  declared: readonly (Declared & { readonly reshape?: { readonly shape: readonly bigint[] } | undefined })[],
  tensors: readonly TensorSpec[],
  maxBatchSize: number,
  report: Report,
): void {
  for (const { name, dataType, dims, reshape } of declared) {
    const found = tensors.find((tensor) => tensor.name === name);
    if (found === undefined) {
      const all = tensors.map((tensor) => tensor.name).join(", ");
      report(
        "error",
        `${what} ${name}`,
        `the ONNX file has none of that name, only ${all}`,
        "use the file's names",
      );
      continue;
    }
    if (DATA_TYPES[found.datatype] !== dataType)
      report(
        "error",
        `${what} ${name}.data_type`,
        `is ${typeName(dataType)}, and ${typeName(DATA_TYPES[found.datatype])} in the ONNX file`,
        `say ${typeName(DATA_TYPES[found.datatype])}`,
      );
    const whole = [...(maxBatchSize > 0 ? [-1] : []), ...(reshape?.shape ?? dims).map(Number)];
    if (!dimsAgree(whole, found.shape))
      report(
        "error",
        `${what} ${name}.dims`,
        `are ${showDims(dims)}${maxBatchSize > 0 ? ` behind the batch dimension of max_batch_size ${maxBatchSize}` : ""}, ` +
          `and ${showDims(found.shape)} in the ONNX file`,
        `say ${showDims(maxBatchSize > 0 ? found.shape.slice(1) : found.shape)}`,
      );
    else if (maxBatchSize > 1 && found.shape[0] !== -1)
      report(
        "error",
        "max_batch_size",
        `is ${maxBatchSize}, but ${what} ${name} is ${showDims(found.shape)} in the ONNX file: one batch size only`,
        "export with a dynamic batch, or set it to 0 and give whole shapes",
      );
  }
}
