export { renderReport } from "./render-report.ts";
export type {
  ReportData,
  ReportDetection,
  ReportEnvelope,
  ReportInjection,
  ReportLine,
  ReportPanel,
  ReportSegment,
  ReportSeries,
  ReportSpectrogram,
} from "./report-data.ts";
export { writeReport } from "./write-report.ts";
