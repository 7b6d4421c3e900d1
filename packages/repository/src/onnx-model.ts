import {
  addStates,
  type ModelTensors,
  modelConfig,
  type SequencePlacement,
  type StateDeclaration,
} from "./model-config.ts";
import { pythonModel, statesParameter } from "./python-model.ts";
import type { Model } from "./repository.ts";

/** An ONNX graph and what a configuration must say of it. */
export interface OnnxModel extends ModelTensors {
  readonly onnx: Uint8Array;
  readonly states?: readonly StateDeclaration[];
}

/**
 * A graph as a model of a repository: on Triton's onnxruntime backend, states implicit in the form that was seen to work
 * on Triton 2.51; or on its python backend, states held by the model.
 */
export function onnxModel(model: OnnxModel, placement: SequencePlacement): Model {
  const { onnx, states = [] } = model;
  const { threads = 1, executionProviders, backend } = placement;
  const files = { "1/model.onnx": onnx };
  const parameters = { ...model.parameters, intra_op_thread_count: threads };
  if (backend === "python") {
    const providers =
      executionProviders === undefined
        ? {}
        : { "strainflow.execution_providers": executionProviders.join(",") };
    const told = { ...parameters, ...statesParameter(states), ...providers };
    return pythonModel(
      { ...model, parameters: told, script: "onnx_model", stateful: states.length > 0, files },
      placement,
    );
  }
  const config = modelConfig({ ...model, parameters }, placement);
  config.platform = "onnxruntime_onnx";
  if (states.length > 0) addStates(config, states, placement);
  return { config, files };
}
