export { type AframeEnsembleOptions, buildAframeEnsemble } from "./aframe.ts";
export { type AggregatorOptions, buildAggregator } from "./aggregator.ts";
export { type BackgroundSnapshotterOptions, buildBackgroundSnapshotter } from "./background-snapshotter.ts";
export { formatConfig, parseConfig } from "./config-text.ts";
export type { RepositoryErrorTag } from "./errors.ts";
export { createLocalStore } from "./local-store.ts";
export {
  addMatchedFilter,
  buildMatchedFilter,
  type MatchedFilterEnsembleOptions,
  type MatchedFilterOptions,
  type Template,
  type TemplateBank,
} from "./matched-filter.ts";
export type { Placement, SequencePlacement } from "./model-config.ts";
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
export {
  createRepository,
  type Model,
  type ModelRepository,
  openRepository,
  repositoryOf,
} from "./repository.ts";
export { buildSnapshotter, type SnapshotterOptions } from "./snapshotter.ts";
export {
  addStreamingEnsemble,
  type StreamingEnsembleOptions,
  type StreamingFacts,
  streamingParameters,
} from "./streaming-ensemble.ts";
export {
  buildWhitener,
  type WhitenerOptions,
  type WhiteningChain,
  type WhiteningSizes,
  whiteningSizes,
} from "./whitener.ts";
