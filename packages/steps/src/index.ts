export { createOnlineAverage, type OnlineAverageOptions } from "./average-outputs.ts";
export { type ClusterOptions, createCluster } from "./cluster.ts";
export { type ClusterTriggersOptions, createClusterTriggers, type Detection } from "./cluster-triggers.ts";
export {
  type Coincidence,
  type CoincidenceOptions,
  type CoincidenceWindow,
  createCoincidence,
  type SingleTrigger,
} from "./coincidence.ts";
export { type Core, type CoreChunk, type CoverageOptions, createCoverage } from "./coverage.ts";
export { createIntegrate, type IntegrateOptions, integrationSize } from "./integrate.ts";
export {
  type AverageOptions,
  type AverageSnapshot,
  type AverageState,
  type AverageWarmup,
  createAverageState,
} from "./online-average.ts";
export { createOnlineSearch, type OnlineSearchOptions } from "./online-search.ts";
export {
  createRankTriggers,
  type RankedTriggers,
  type RankedTriggersBlock,
  type RankTriggersOptions,
} from "./rank-triggers.ts";
export type { ScoreEvent } from "./score-event.ts";
export {
  createSlidingWindow,
  type SlidingWindowOptions,
  type Window,
  type WindowBlock,
} from "./sliding-window.ts";
export { createSnapshotState, type SnapshotOptions, type SnapshotState } from "./snapshot.ts";
export type { Candidate } from "./stride-ranker.ts";
export { rankedToSeries, triggersToSeries } from "./triggers-to-series.ts";
export {
  createUpdates,
  type Mark,
  type SkippedStrides,
  type Update,
  type UpdatesOptions,
} from "./updates.ts";
