export { type AframeEvent, type AframeSettings, type AframeTaps, aframeSearch } from "./aframe.ts";
export { type Calibration, type CalibrationCounter, countCalibration } from "./calibration.ts";
export { countLivetime, type Livetime, type LivetimeCounter, type SearchSegment } from "./livetime.ts";
export { createPanel, type Panel, type PanelOptions, type Spectrogram } from "./panel.ts";
export { type PlanPart, planSearch, type SearchPlan } from "./plan.ts";
export type { PlanCheck } from "./plan-checks.ts";
export type { PlanFacts, PlannedModel, PlanStage, PlanTensor } from "./plan-stages.ts";
export {
  createRecorder,
  type RecordedDetection,
  type RecordedEnvelope,
  type RecordedSeries,
  type RunRecord,
  type RunRecorder,
} from "./recorder.ts";
export { rehearseSearch } from "./rehearse.ts";
export { type SearchDetection, type SearchTaps, search, type TemplateMasses, travelTimes } from "./search.ts";
export { completeSettings, defaultSettings, psdFor, type SearchSettings } from "./settings.ts";
