import { readFileSync } from "node:fs";
import { create } from "@bufbuild/protobuf";
import {
  ModelParameterSchema,
  ModelSequenceBatching_Control_Kind,
  ModelSequenceBatching_ControlInputSchema,
} from "@strainflow/proto";
import { invalidOption } from "@strainflow/series";
import {
  type ModelTensors,
  modelConfig,
  type SequencePlacement,
  type StateDeclaration,
  sequenceBatching,
} from "./model-config.ts";
import type { ModelFiles } from "./model-store.ts";
import type { Model } from "./repository.ts";

/** A model that one of the package's Python programs is. */
export interface PythonModel extends ModelTensors {
  /** Name of the program, in `python/`. */
  readonly script: "snapshotter" | "averager" | "onnx_model";
  /** Whether it keeps something from request to request. */
  readonly stateful: boolean;
  /** Files that it reads. */
  readonly files?: ModelFiles;
}

/**
 * A model on Triton's python backend. A stateful one holds one sequence per instance, and learns from the START control
 * where one begins: the backend knows no implicit states.
 *
 * @throws `invalid-option` for `oldest` scheduling, which would run several sequences through one instance
 */
export function pythonModel(model: PythonModel, placement: SequencePlacement): Model {
  // Of these programs, only the one with a graph has anything to do on a GPU.
  const config = modelConfig(
    model,
    model.script === "onnx_model" ? placement : { ...placement, kind: "CPU" },
  );
  config.backend = "python";
  if (placement.environment !== undefined)
    config.parameters["EXECUTION_ENV_PATH"] = create(ModelParameterSchema, {
      stringValue: placement.environment,
    });
  if (model.stateful) {
    if (placement.scheduling === "oldest")
      throw invalidOption(
        model.name,
        "scheduling",
        "oldest",
        "direct with the python backend, whose instances hold one sequence each; say with instances how many",
      );
    const batching = sequenceBatching(model.name, placement);
    batching.controlInput = [
      create(ModelSequenceBatching_ControlInputSchema, {
        name: "START",
        control: [
          { kind: ModelSequenceBatching_Control_Kind.CONTROL_SEQUENCE_START, int32FalseTrue: [0, 1] },
        ],
      }),
    ];
    config.schedulingChoice = { case: "sequenceBatching", value: batching };
  }
  const files = {
    ...model.files,
    "1/model.py": program(model.script),
    "1/strainflow_runtime.py": program("strainflow_runtime"),
  };
  return { config, files };
}

/** States of an ONNX graph, as `onnx_model.py` reads them. */
export function statesParameter(states: readonly StateDeclaration[]): Record<string, string> {
  if (states.length === 0) return {};
  const described = states.map(
    ({ name, type, shape, input = `input_${name}`, output = `output_${name}` }) => ({
      input,
      output,
      data_type: type === "BYTES" ? "STRING" : type,
      dims: shape,
    }),
  );
  return { "strainflow.states": JSON.stringify(described) };
}

function program(name: string): string {
  return readFileSync(new URL(`../python/${name}.py`, import.meta.url), "utf8");
}
