import { fromText } from "@bufbuild/protobuf/txtpb";
import { type ModelConfig, ModelConfigSchema } from "@strainflow/proto";
import type { StreamingSpec, TensorSpec } from "@strainflow/series";
import { type StreamingOverrides, streamingSpec } from "../discovery/streaming-spec.ts";

export const config = (text: string): ModelConfig => fromText(ModelConfigSchema, text);

/** As Triton's metadata give them: dims with the batch dimension in front where there is one. */
export function inputsOf({ input, maxBatchSize }: ModelConfig): TensorSpec[] {
  return input.map(({ name, dims }) => ({
    name,
    datatype: "FP32",
    shape: [...(maxBatchSize > 0 ? [-1] : []), ...dims.map(Number)],
  }));
}

export function spec(
  model: ModelConfig,
  steps: readonly ModelConfig[] = [],
  overrides: StreamingOverrides = {},
): StreamingSpec {
  return streamingSpec({
    config: model,
    inputs: inputsOf(model),
    configs: new Map(steps.map((step) => [step.name, step])),
    overrides,
  });
}

/** The sizes that Triton 2.51 was seen to stream: L = 4096, S = 512, B = 8, two channels; N = 8, U = 1. */
export const SNAPSHOTTER = config(`
  name: "snapshotter" platform: "onnxruntime_onnx"
  input { name: "snapshot_update" data_type: TYPE_FP32 dims: [1, 2, 4096] }
  output { name: "snapshot" data_type: TYPE_FP32 dims: [8, 2, 6144] }
  sequence_batching { direct {} state {
    input_name: "input_snapshot" output_name: "output_snapshot" data_type: TYPE_FP32 dims: [1, 2, 6144] } }`);
export const NET = config(`
  name: "net" input { name: "x" data_type: TYPE_FP32 dims: [-1, 2, 6144] }
  output { name: "y" data_type: TYPE_FP32 dims: [-1, 8] }`);
export const AGGREGATOR = config(`
  name: "aggregator" input { name: "update" data_type: TYPE_FP32 dims: [8, 8] }
  output { name: "output_stream" data_type: TYPE_FP32 dims: [1, 8] }
  sequence_batching { direct {} state {
    input_name: "input_online_average" output_name: "output_online_average" data_type: TYPE_FP32 dims: [15] } }`);
export const ENSEMBLE = config(`
  name: "ensemble" platform: "ensemble"
  input { name: "stream" data_type: TYPE_FP32 dims: [1, 2, 4096] }
  output { name: "score" data_type: TYPE_FP32 dims: [1, 8] }
  ensemble_scheduling {
    step { model_name: "snapshotter" input_map { key: "snapshot_update" value: "stream" } output_map { key: "snapshot" value: "windows" } }
    step { model_name: "net" input_map { key: "x" value: "windows" } output_map { key: "y" value: "scores" } }
    step { model_name: "aggregator" input_map { key: "update" value: "scores" } output_map { key: "output_stream" value: "score" } }
  }`);
export const KNOWN: StreamingOverrides = { sampleRate: 2048, channels: ["H1", "L1"] };
