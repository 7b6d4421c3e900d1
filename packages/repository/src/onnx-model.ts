import { create } from "@bufbuild/protobuf";
import { ModelSequenceBatching_StateSchema } from "@strainflow/proto";
import {
  implicitState,
  type ModelTensors,
  modelConfig,
  type SequencePlacement,
  sequenceBatching,
  type TensorDeclaration,
} from "./model-config.ts";
import { pythonModel, statesParameter } from "./python-model.ts";
import type { Model } from "./repository.ts";

/** An ONNX graph and what a configuration must say of it. */
export interface OnnxModel extends ModelTensors {
  readonly onnx: Uint8Array;
  /** Tensors that go from each output `output_<name>` to the next input `input_<name>` of a sequence. */
  readonly states?: readonly TensorDeclaration[];
}

/**
 * A graph as a model of a repository: on Triton's onnxruntime backend, states implicit in the form that was seen to work
 * on Triton 2.51; or on its python backend, states held by the model.
 */
export function onnxModel(model: OnnxModel, placement: SequencePlacement): Model {
  const { onnx, states = [] } = model;
  const files = { "1/model.onnx": onnx };
  if (placement.backend === "python") {
    const { executionProviders } = placement;
    const parameters = {
      ...model.parameters,
      ...statesParameter(states),
      ...(executionProviders === undefined
        ? {}
        : { "strainflow.execution_providers": executionProviders.join(",") }),
    };
    return pythonModel(
      { ...model, parameters, script: "onnx_model", stateful: states.length > 0, files },
      placement,
    );
  }
  const config = modelConfig(model, placement);
  config.platform = "onnxruntime_onnx";
  if (states.length > 0) {
    const batching = sequenceBatching(model.name, placement);
    batching.state = states.map((state) => create(ModelSequenceBatching_StateSchema, implicitState(state)));
    config.schedulingChoice = { case: "sequenceBatching", value: batching };
  }
  return { config, files };
}
