import {
  DataType,
  type ModelSequenceBatching_Control,
  ModelSequenceBatching_Control_Kind,
  type ModelSequenceBatching_State,
} from "@strainflow/proto";
import type { TensorSpec } from "@strainflow/series";
import { DATA_TYPES } from "./model-config.ts";
import { dimsAgree, showDims, typeName } from "./tensor-words.ts";
import type { CheckedModel, Report } from "./verify.ts";

const ID_TYPES = new Set([
  DataType.TYPE_UINT64,
  DataType.TYPE_INT64,
  DataType.TYPE_UINT32,
  DataType.TYPE_INT32,
  DataType.TYPE_STRING,
]);

/** Sequence batching: strategy, controls and implicit states. */
export function verifySequence(model: CheckedModel, report: Report): void {
  const { config, platform } = model;
  if (config.schedulingChoice.case !== "sequenceBatching") return;
  const { strategyChoice, maxSequenceIdleMicroseconds, state } = config.schedulingChoice.value;
  if (maxSequenceIdleMicroseconds === 0n)
    report(
      "warning",
      "sequence_batching.max_sequence_idle_microseconds",
      "is left out, so a sequence loses its state after one second without a request",
      "say how long a stream may be silent: 10000000 is 10 s",
    );
  if (strategyChoice.case === "oldest" && strategyChoice.value.maxCandidateSequences < 1)
    report(
      "warning",
      "sequence_batching.oldest.max_candidate_sequences",
      `is ${strategyChoice.value.maxCandidateSequences}`,
      "say how many sequences an instance takes at once",
    );
  verifyControls(model, report);
  if (platform === "python" && state.length > 0)
    report(
      "error",
      "sequence_batching.state",
      "the python backend does not carry implicit states",
      "hold them in the program, begin them anew at the START control, and take state out",
    );
  const names = new Set<string>();
  for (const [i, one] of state.entries()) {
    const where = `sequence_batching.state[${i}]`;
    for (const name of [one.inputName, one.outputName]) {
      if (name === "" || names.has(name))
        report(
          "error",
          where,
          `its tensor ${JSON.stringify(name)} is empty or another state's too`,
          "name each once",
        );
      names.add(name);
    }
    if (config.input.some((input) => input.name === one.inputName))
      report(
        "error",
        where,
        `${one.inputName} is an input as well: clients would have to send it`,
        "take the input out",
      );
    verifyState(where, one, model, report);
  }
}

function verifyControls({ config, onnx }: CheckedModel, report: Report): void {
  if (config.schedulingChoice.case !== "sequenceBatching") return;
  const kinds = new Set<ModelSequenceBatching_Control_Kind>();
  for (const { name, control } of config.schedulingChoice.value.controlInput) {
    const where = `control_input ${name}`;
    if (control.length !== 1)
      report("error", where, `has ${control.length} controls`, "give each control input exactly one");
    if (onnx !== undefined && !onnx.inputs.some((input) => input.name === name))
      report(
        "error",
        where,
        "the ONNX file has no such input, and the load fails",
        "take it out, or export it",
      );
    if (config.input.some((input) => input.name === name))
      report("error", where, "is an input as well: clients would have to send it", "take the input out");
    for (const one of control) {
      if (kinds.has(one.kind))
        report("error", where, "another control input is of this kind", "leave one of them");
      kinds.add(one.kind);
      verifyControl(where, one, report);
    }
  }
}

function verifyControl(where: string, control: ModelSequenceBatching_Control, report: Report): void {
  if (control.kind === ModelSequenceBatching_Control_Kind.CONTROL_SEQUENCE_CORRID) {
    if (!ID_TYPES.has(control.dataType))
      report(
        "error",
        where,
        `its data_type is ${typeName(control.dataType)}`,
        "an id is TYPE_UINT64, TYPE_INT64, TYPE_UINT32, TYPE_INT32 or TYPE_STRING",
      );
    return;
  }
  const pairs = [control.int32FalseTrue, control.fp32FalseTrue, control.boolFalseTrue].filter(
    (pair) => pair.length > 0,
  );
  if (pairs.length !== 1 || pairs[0]?.length !== 2)
    report(
      "error",
      where,
      "its values for false and true are not one pair",
      "give exactly one of int32_false_true, fp32_false_true, bool_false_true, with two values: [ 0, 1 ]",
    );
}

function verifyState(
  where: string,
  state: ModelSequenceBatching_State,
  model: CheckedModel,
  report: Report,
): void {
  const [initial] = state.initialState;
  if (initial === undefined)
    report(
      "warning",
      `${where}.initial_state`,
      "is missing: the state begins with whatever was in memory, and START leaves it as it was",
      "add initial_state { data_type dims zero_data: true name }",
    );
  else {
    if (initial.dataType !== state.dataType || !dimsEqual(initial.dims, state.dims))
      report(
        "error",
        `${where}.initial_state`,
        `is ${typeName(initial.dataType)} ${showDims(initial.dims)}, and the state ${typeName(state.dataType)} ${showDims(state.dims)}`,
        "give it the state's type and dims",
      );
    if (initial.name === "")
      report(
        "error",
        `${where}.initial_state.name`,
        "is missing: the server was seen to die of it",
        "name it",
      );
  }
  if (state.dims.some((size) => size === -1n))
    report("warning", `${where}.dims`, `are ${showDims(state.dims)}: −1 becomes 1`, "give every size");
  if (state.dims.length === 0 || state.dims.some((size) => size < 1n && size !== -1n))
    report("error", `${where}.dims`, `are ${showDims(state.dims)}`, "give sizes ≥ 1");
  if (model.onnx === undefined) return;
  compare(`${where}.input_name`, state.inputName, state, model.onnx.inputs, model, report);
  compare(`${where}.output_name`, state.outputName, state, model.onnx.outputs, model, report);
}

const dimsEqual = (a: readonly bigint[], b: readonly bigint[]): boolean =>
  a.length === b.length && a.every((size, i) => size === b[i]);

/** A state of other dims or another type than the graph's loads, and then fails at every request. */
function compare(
  where: string,
  name: string,
  state: ModelSequenceBatching_State,
  tensors: readonly TensorSpec[],
  { config }: CheckedModel,
  report: Report,
): void {
  const found = tensors.find((tensor) => tensor.name === name);
  if (found === undefined) {
    report("error", where, `the ONNX file has no ${JSON.stringify(name)}`, "use the file's names");
    return;
  }
  const batched = config.maxBatchSize > 0;
  const expected = batched ? found.shape.slice(1) : found.shape;
  if (DATA_TYPES[found.datatype] !== state.dataType || !dimsAgree(state.dims, expected))
    report(
      "error",
      where,
      `${name} is ${found.datatype} ${showDims(found.shape)} in the ONNX file, and the state ${typeName(state.dataType)} ${showDims(state.dims)}`,
      `say ${typeName(DATA_TYPES[found.datatype])} ${showDims(expected)}: ` +
        (batched
          ? "with max_batch_size the batch dimension is left out"
          : "without max_batch_size the batch dimension is among them"),
    );
  else if (batched && found.shape[0] !== -1)
    report(
      "error",
      where,
      `${name} is ${showDims(found.shape)} in the ONNX file: with max_batch_size its first dimension must be of any size`,
      "export it so, or set max_batch_size to 0 and give whole shapes",
    );
}
