import { type Clock, createFrame } from "./bar.ts";
import { type DetectorPanels, decodePanel, drawColumn } from "./detector-column.ts";
import { element } from "./element.ts";
import type { Line } from "./line.ts";
import type { PageDetection, PagePanel } from "./page-data.ts";
import { threeDigits } from "./text.ts";
import { createTimeView, type TimeRange } from "./time-view.ts";

/** Draws what can be seen around a detection: a column for each detector, all on one time axis and one scale. */
export function createDetectionPanels(
  host: HTMLElement,
  detection: PageDetection,
  panels: Readonly<Record<string, PagePanel>>,
  ifos: readonly string[],
  clock: Clock,
): void {
  const decoded = ifos.flatMap((ifo) => {
    const panel = Object.hasOwn(panels, ifo) ? panels[ifo] : undefined;
    return panel === undefined ? [] : [decodePanel(ifo, panel)];
  });
  if (decoded.length === 0) return;
  const zeroNs = BigInt(detection.gpsNs);
  const view = createTimeView(wholeRange(decoded), 0.005);
  const { root, plots } = createFrame(
    view,
    { ...clock, zeroNs },
    "Panels around the detection",
    (time) => `${threeDigits(time)} s from the detection`,
  );
  const columns = element("div", { class: "columns" });
  plots.append(columns);
  host.append(root);
  const context = {
    view,
    ifos,
    zeroNs,
    whitenedPeak: Math.max(...decoded.map(({ whitened }) => peakOf(whitened))),
    ceiling: colourCeiling(Math.max(...decoded.map(({ spectrogram }) => spectrogram.loudest))),
  };
  for (const panel of decoded) drawColumn(columns, panel, context);
}

function wholeRange(panels: readonly DetectorPanels[]): TimeRange {
  const ends = panels.map(({ whitened }) => [whitened.times[0] ?? 0, whitened.times.at(-1) ?? 0] as const);
  const from = Math.min(...ends.map(([first]) => first));
  return { from, to: Math.max(from + 1e-3, ...ends.map(([, last]) => last)) };
}

function peakOf(line: Line): number {
  let peak = 1;
  for (const values of [line.low, line.high ?? []])
    for (const value of values) peak = Math.max(peak, Math.abs(value ?? 0));
  return peak;
}

/**
 * Energy of the brightest colour. Noise is 1 on average and seldom above 10; a loud signal's peak would leave the rest
 * of its track dark, so colours end at 40 and the bar says so.
 */
function colourCeiling(loudest: number): number {
  return Math.min(40, Math.max(16, 2 * Math.ceil(loudest / 2)));
}
