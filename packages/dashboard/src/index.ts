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
