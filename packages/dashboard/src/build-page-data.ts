import { gpsToUtc } from "@strainflow/series";
import { encodeLine } from "./encode-line.ts";
import { encodePanels, type FittedPanels } from "./encode-panels.ts";
import type { PageData, PageRow } from "./page/page-data.ts";
import { powerOfTen } from "./page/text.ts";
import { detectionSummary, gapText } from "./page-words.ts";
import type { ReportData } from "./report-data.ts";
import { strainExponent } from "./strain-exponent.ts";

/** Values kept of any line over the whole run: several per pixel, and 80 kB. */
const LINE_LIMIT = 20_000;
/** Bytes that panels may take, so that the page stays under 5 MB whatever the number of detections. */
const PANEL_BUDGET = 3_000_000;

/** What the page's script needs, with times from the run's start, and which detections' panels are in it. */
export function buildPageData(data: ReportData): { readonly page: PageData; readonly panels: FittedPanels } {
  const since = (ns: bigint): number => Number(ns - data.startNs) / 1e9;
  const panels = encodePanels(data.detections, PANEL_BUDGET);
  const page: PageData = {
    startNs: data.startNs.toString(),
    startUtcMs: gpsToUtc(Number(data.startNs / 1_000_000_000n)).getTime(),
    span: since(data.endNs),
    ifos: data.ifos,
    gaps: data.segments.flatMap((segment) =>
      segment.reason === undefined
        ? []
        : [{ from: since(segment.startNs), to: since(segment.endNs), reason: gapText(segment) }],
    ),
    rows: [...levelRows(data), ...strainRows(data)],
    detections: data.detections.map((detection, i) => {
      const own = panels.byDetection.get(i);
      return {
        time: since(detection.gpsNs),
        gpsNs: detection.gpsNs.toString(),
        statistic: detection.statistic,
        label: detectionSummary(detection, i, data.ifos),
        ...(own === undefined ? {} : { panels: own }),
      };
    }),
    injections: (data.injections ?? []).map((injection) => ({
      time: since(injection.gpsNs),
      snr: injection.snr,
      found: injection.foundBy !== undefined,
    })),
  };
  return { page, panels };
}

function levelRows(data: ReportData): PageRow[] {
  // The network's rows stand first; the threshold and the detections belong to the first of them.
  const ordered = [
    ...data.series.filter((series) => series.ifo === undefined),
    ...data.series.filter((series) => series.ifo !== undefined),
  ];
  return ordered.map((series, i) => {
    const statistic = i === 0 && series.ifo === undefined;
    return {
      name: series.name,
      unit: series.unit,
      ...(series.ifo === undefined ? {} : { ifo: series.ifo }),
      kind: "level",
      statistic,
      ...(statistic ? { threshold: data.threshold } : {}),
      line: encodeLine(series.values, series.values, {
        start: Number(series.startNs - data.startNs) / 1e9,
        rate: series.sampleRate,
        limit: LINE_LIMIT,
      }),
    };
  });
}

function strainRows(data: ReportData): PageRow[] {
  const exponent = strainExponent(data.envelopes.flatMap(({ low, high }) => [low, high]));
  return data.envelopes.map((envelope) => ({
    name: `${envelope.ifo} strain`,
    unit: powerOfTen(exponent),
    ifo: envelope.ifo,
    kind: "wave",
    statistic: false,
    line: encodeLine(envelope.low, envelope.high, {
      // A bin's values stand for its middle.
      start: Number(envelope.startNs - data.startNs) / 1e9 + 0.5 / envelope.binRate,
      rate: envelope.binRate,
      limit: LINE_LIMIT,
      scale: 10 ** -exponent,
    }),
  }));
}
