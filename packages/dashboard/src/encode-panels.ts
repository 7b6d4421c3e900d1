import { encodeLine } from "./encode-line.ts";
import { encodeEnergy } from "./encode-samples.ts";
import type { PageLine, PagePanel } from "./page/page-data.ts";
import { powerOfTen } from "./page/text.ts";
import type { ReportDetection, ReportLine, ReportPanel } from "./report-data.ts";
import { strainExponent } from "./strain-exponent.ts";

/** Values kept of a panel's line: eight seconds at 2048 Hz. */
const LINE_LIMIT = 16_384;

/** The panels that are in a page, by place of their detection, and how many did not fit. */
export interface FittedPanels {
  readonly byDetection: ReadonlyMap<number, Readonly<Record<string, PagePanel>>>;
  readonly leftOut: number;
}

/**
 * Encodes panels, those of the loudest detections first, for as long as they fit.
 *
 * @param budget bytes
 */
export function encodePanels(detections: readonly ReportDetection[], budget: number): FittedPanels {
  const byDetection = new Map<number, Readonly<Record<string, PagePanel>>>();
  const loudestFirst = detections
    .map((detection, i) => ({ detection, i }))
    .filter(({ detection }) => Object.keys(detection.panels).length > 0)
    .sort((a, b) => b.detection.statistic - a.detection.statistic || a.i - b.i);
  let left = budget;
  let leftOut = 0;
  for (const { detection, i } of loudestFirst) {
    if (left <= 0) {
      leftOut++;
      continue;
    }
    const exponent = strainExponent(Object.values(detection.panels).map(({ strain }) => strain.values));
    const panels = Object.fromEntries(
      Object.entries(detection.panels).map(([ifo, panel]) => [
        ifo,
        encodePanel(panel, detection.gpsNs, exponent),
      ]),
    );
    const size = JSON.stringify(panels).length;
    left -= size;
    if (left < 0) leftOut++;
    else byDetection.set(i, panels);
  }
  return { byDetection, leftOut };
}

function encodePanel(panel: ReportPanel, originNs: bigint, exponent: number): PagePanel {
  const { spectrogram } = panel;
  return {
    whitened: encodePanelLine(panel.whitened, originNs),
    ...(panel.template === undefined ? {} : { template: encodePanelLine(panel.template, originNs) }),
    strain: encodePanelLine(panel.strain, originNs, 10 ** -exponent),
    strainUnit: powerOfTen(exponent),
    spectrogram: {
      start: Number(spectrogram.startNs - originNs) / 1e9,
      step: 1 / spectrogram.columnRate,
      lowest: spectrogram.frequencies[0] ?? 1,
      highest: spectrogram.frequencies.at(-1) ?? 1,
      rows: spectrogram.frequencies.length,
      energy: encodeEnergy(spectrogram.energy),
    },
  };
}

function encodePanelLine(line: ReportLine, originNs: bigint, scale = 1): PageLine {
  return encodeLine(line.values, line.values, {
    start: Number(line.startNs - originNs) / 1e9,
    rate: line.sampleRate,
    limit: LINE_LIMIT,
    scale,
    short: true,
  });
}
