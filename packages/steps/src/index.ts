export { createOnlineAverage, type OnlineAverageOptions } from "./average-outputs.ts";
export { type ButterworthOptions, butterworth, type Section, settlingSize } from "./butterworth.ts";
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
export { createHighpass, type HighpassOptions } from "./highpass.ts";
export { createIntegrate, type IntegrateOptions, integrationSize } from "./integrate.ts";
export {
  type AverageOptions,
  type AverageSnapshot,
  type AverageState,
  type AverageWarmup,
  createAverageState,
} from "./online-average.ts";
export { createOnlineSearch, type OnlineSearchOptions } from "./online-search.ts";
export { createOverWhiten, type OverWhitenOptions } from "./over-whiten.ts";
export {
  createPreprocess,
  type Preprocess,
  type Preprocessed,
  type PreprocessOptions,
} from "./preprocess.ts";
export { type Psd, type WelchOptions, welch } from "./psd.ts";
export type { PsdAverage } from "./psd-average.ts";
export type { PsdDetrend } from "./psd-periodogram.ts";
export {
  createRankTriggers,
  type RankedTriggers,
  type RankedTriggersBlock,
  type RankTriggersOptions,
} from "./rank-triggers.ts";
export { createResample, type Resample, type ResampleOptions } from "./resample.ts";
export type { ScoreEvent } from "./score-event.ts";
export {
  createSlidingWindow,
  type SlidingWindowOptions,
  type Window,
  type WindowBlock,
} from "./sliding-window.ts";
export { createSnapshotState, type SnapshotOptions, type SnapshotState } from "./snapshot.ts";
export { restState, type SosState, sosFilter, sosFilterZeroPhase, steadyState } from "./sos-filter.ts";
export type { Candidate } from "./stride-ranker.ts";
export { createTaper, type TaperName } from "./taper.ts";
export { rankedToSeries, triggersToSeries } from "./triggers-to-series.ts";
export {
  createUpdates,
  type Mark,
  type SkippedStrides,
  type Update,
  type UpdatesOptions,
} from "./updates.ts";
export { type BlockWhiten, type BlockWhitenOptions, createBlockWhiten, whiten } from "./whiten.ts";
export { minimumPhaseTaps, whitenMinimumPhase } from "./whiten-minimum-phase.ts";
export { createWhitenMinimumPhase, type WhitenMinimumPhaseOptions } from "./whiten-minimum-phase-stream.ts";
export type { StreamWhitenOptions } from "./whiten-options.ts";
export { interpolateSpectrum, type SpectrumGrid } from "./whiten-spectrum.ts";
export { createWhiten, type WhitenOptions } from "./whiten-stream.ts";
