export type { AnswerCheck, AnswerFacts, CheckChoice } from "./check-answer.ts";
export type { Tolerance } from "./compare-tensors.ts";
export { perfAnalyzerCsv } from "./csv.ts";
export type { HandlerAnswer, HandlerCheck } from "./handler-target.ts";
export type { LatencySummary } from "./latency-summary.ts";
export type { GeneratorFigures, LevelResult } from "./level-result.ts";
export { concurrencies, type Load, type LoadRange, loadText, rates } from "./load.ts";
export { loadTest } from "./load-test.ts";
export type {
  HandlerUnderLoad,
  InputSource,
  LatencyGoal,
  LoadTestOptions,
  ModelUnderLoad,
} from "./load-test-options.ts";
export type { LoadTestResult, SubjectFacts } from "./load-test-result.ts";
export type { LevelProgress, MeasureOptions } from "./measure-level.ts";
export { type LoadReportOptions, renderLoadReport } from "./report/render-load-report.ts";
export { formatResults, parseResults } from "./result-file.ts";
export type { SequenceOptions } from "./sequence-plan.ts";
export type { ModelFigures, ServerFigures } from "./server-figures.ts";
export { loadTestSideBySide } from "./side-by-side.ts";
export type { Window } from "./window.ts";
