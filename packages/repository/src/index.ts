export { addModel, buildModel, type ModelOptions } from "./add-model.ts";
export { type AframeEnsembleOptions, buildAframeEnsemble } from "./aframe.ts";
export { type AggregatorOptions, buildAggregator } from "./aggregator.ts";
export { type BackgroundSnapshotterOptions, buildBackgroundSnapshotter } from "./background-snapshotter.ts";
export type {
  Changes,
  ConfigChanges,
  ConfigDataType,
  InputTensor,
  InstanceGroup,
  OutputTensor,
} from "./config-changes.ts";
export type {
  ControlInput,
  DynamicBatching,
  EnsembleScheduling,
  ImplicitState,
  QueuePolicy,
  SequenceBatching,
} from "./config-scheduling.ts";
export type {
  Accelerator,
  CudaGraph,
  Optimization,
  ResponseCache,
  VersionPolicy,
  Warmup,
} from "./config-serving.ts";
export { formatConfig, parseConfig } from "./config-text.ts";
export { editConfig } from "./edit-config.ts";
export { createEnsemble, type Ensemble, type EnsembleOptions, type EnsembleStream } from "./ensemble.ts";
export type { EnsembleStep, Port } from "./ensemble-ports.ts";
export type {
  StreamingInput,
  StreamingInputsOptions,
  StreamingOutputOptions,
} from "./ensemble-streams.ts";
export type { RepositoryErrorTag } from "./errors.ts";
export { checkPlans, computeCapabilities, type PlanHost, requirePlans } from "./export/check-plans.ts";
export { convertToTensorRt, type TensorRtOptions, type TensorRtPlan } from "./export/convert-to-tensorrt.ts";
export { type ExportInput, parseInputs } from "./export/export-input.ts";
export {
  type ExportedNetwork,
  type ExportFormat,
  type ExportFramework,
  type ExportOptions,
  exportNetwork,
} from "./export/export-network.ts";
export type { BuildFacts } from "./export/plan-facts.ts";
export type { PlanOptions, ShapeRange, Trtexec } from "./export/trtexec-command.ts";
export { createLocalStore } from "./local-store.ts";
export {
  addMatchedFilter,
  buildMatchedFilter,
  type MatchedFilterEnsembleOptions,
  type MatchedFilterOptions,
  type Template,
  type TemplateBank,
} from "./matched-filter.ts";
export {
  datatypeName,
  type Placement,
  type SequencePlacement,
  type StateDeclaration,
  type TensorDeclaration,
} from "./model-config.ts";
export type { ModelSource } from "./model-source.ts";
export { checkModelName, checkModelPath, type ModelFiles, type ModelStore } from "./model-store.ts";
export {
  addNetwork,
  buildStreamingNetwork,
  describeNetwork,
  type Network,
  type NetworkOptions,
  type StreamingNetworkOptions,
} from "./network.ts";
export {
  type Attribute,
  createGraph,
  type Dimension,
  type ElementType,
  type FloatAttribute,
  type GraphBuilder,
  type Value,
} from "./onnx/graph.ts";
export { inspectOnnx, type OnnxFacts } from "./onnx/inspect.ts";
export type { Platform } from "./platforms.ts";
export {
  createRepository,
  type Model,
  type ModelRepository,
  openRepository,
  repositoryOf,
} from "./repository.ts";
export type { Snapshot, SnapshotStream } from "./snapshot-model.ts";
export { buildSnapshotter, type MultiSnapshotterOptions, type SnapshotterOptions } from "./snapshotter.ts";
export { addStreamingEnsemble, type StreamingEnsembleOptions } from "./streaming-ensemble.ts";
export { type StreamingFacts, streamingParameters } from "./streaming-parameters.ts";
export type { Problem } from "./verify.ts";
export {
  buildWhitener,
  type WhitenerOptions,
  type WhiteningChain,
  type WhiteningSizes,
  whiteningSizes,
} from "./whitener.ts";
