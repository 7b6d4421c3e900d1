import type uPlotType from "uplot";
import { type Clock, createFrame } from "./bar.ts";
import { element } from "./element.ts";
import { drawGaps, gapAt } from "./gaps.ts";
import { decodeLine, type Line } from "./line.ts";
import { lineParts } from "./line-plot.ts";
import { createLane, drawDetectionLines, drawStatistics } from "./marks.ts";
import type { PageData, PageRow } from "./page-data.ts";
import { theme } from "./palette.ts";
import { createPlot } from "./plot.ts";
import { gpsText, plain, threeDigits } from "./text.ts";
import { ifoColour } from "./theme.ts";
import { secondTicks, utcTicks } from "./time-ticks.ts";
import { createTimeView, type TimeView } from "./time-view.ts";

const HEIGHTS = { statistic: 170, level: 84, wave: 72 };
/** px of an axis with GPS and UTC below each other. */
const TIME_SIZE = 42;

/** Draws the whole run on one time axis: its series, its strain, its gaps, its detections. */
export function createRunAxis(host: HTMLElement, data: PageData, clock: Clock): void {
  const view = createTimeView({ from: 0, to: data.span }, 0.05);
  const { root, plots } = createFrame(view, clock, "The whole run on one time axis", (time) => {
    const gap = gapAt(data.gaps, time);
    return gap === undefined ? "" : `not searched: ${gap.reason}`;
  });
  const hint =
    "Drag to zoom, double click to see all. With the plots in focus: ← → move the cursor, + − zoom, 0 all.";
  host.append(root, element("p", { class: "hint" }, hint));
  data.rows.forEach((row, i) => {
    const line = decodeLine(row.line);
    const plotHost = element("div");
    const own = element("div", { class: "row" }, rowHead(row, line, view, data), plotHost);
    plots.append(own);
    const plot = createRow(row, line, plotHost, {
      view,
      data,
      clock,
      last: i === data.rows.length - 1,
    });
    if (i === 0) {
      if (data.detections.length > 0) own.insertBefore(createLane(plot, view, data.detections), plotHost);
      plots.append(createGapTip(plot, view, data));
    }
  });
}

interface Surroundings {
  readonly view: TimeView;
  readonly data: PageData;
  readonly clock: Clock;
  readonly last: boolean;
}

function createRow(row: PageRow, line: Line, host: HTMLElement, around: Surroundings): uPlotType {
  const { view, data, clock, last } = around;
  const size = row.statistic ? HEIGHTS.statistic : HEIGHTS[row.kind];
  const marks = row.statistic
    ? [...data.detections.map((d) => d.statistic), ...data.injections.map((i) => i.snr)]
    : [];
  const least = Math.max(1.2 * (row.threshold ?? 0), 1.08 * Math.max(0, ...marks));
  return createPlot({
    view,
    host,
    height: last ? size + TIME_SIZE + 20 : size,
    ...lineParts(line, {
      colour: () => (row.ifo === undefined ? theme().ink : ifoColour(theme(), row.ifo, data.ifos)),
    }),
    y: {
      range: (_, low, high) => (row.kind === "level" ? levelRange(low, high, least) : waveRange(low, high)),
    },
    yAxis: {
      label: row.unit === "" ? "SNR" : row.unit,
      ...(row.kind === "wave" ? { splits: (_, __, ___, high) => waveTicks(high) } : {}),
    },
    ...(last
      ? {
          timeTicks: (ticks: readonly number[]) => {
            const utc = utcTicks(ticks, clock.utcMs + Number((clock.zeroNs / 1_000_000n) % 1000n));
            return secondTicks(ticks).map((text, k) => `${text}\n${utc[k] ?? ""}`);
          },
          timeSize: TIME_SIZE,
          timeLabel: (width: number) =>
            `Seconds from GPS ${gpsText(clock.zeroNs)}${width < 480 ? "" : `, and UTC on ${new Date(clock.utcMs).toISOString().slice(0, 10)}`}`,
        }
      : {}),
    below: (plot) => drawGaps(plot, data.gaps),
    above: (plot) => {
      drawDetectionLines(plot, data.detections);
      if (row.statistic) drawStatistics(plot, data.detections, data.injections, row.threshold);
    },
  });
}

function levelRange(low: number | null, high: number | null, least: number): uPlotType.Range.MinMax {
  return [Math.min(0, low ?? 0), Math.max(1, least, 1.08 * (high ?? 0))];
}

function waveRange(low: number | null, high: number | null): uPlotType.Range.MinMax {
  const peak = Math.max(Math.abs(low ?? 0), Math.abs(high ?? 0));
  return peak === 0 ? [-1, 1] : [-1.1 * peak, 1.1 * peak];
}

/** Zero, and one round number on either side of it: a low row has no room for more. */
function waveTicks(high: number): number[] {
  const power = 10 ** Math.floor(Math.log10(0.9 * high));
  const round = ([5, 2, 1].find((factor) => factor * power <= 0.9 * high) ?? 1) * power;
  return [-round, 0, round];
}

function rowHead(row: PageRow, line: Line, view: TimeView, data: PageData): HTMLElement {
  const place = row.ifo === undefined ? -1 : data.ifos.indexOf(row.ifo);
  const value = element("output", { "aria-live": "off" });
  const head = element(
    "div",
    { class: "row-head" },
    element("b", place < 0 ? {} : { class: `ifo-${place}` }, row.name),
    ...keys(row, data).map((text) => element("span", { class: "key" }, text)),
    value,
  );
  view.watch(() => {
    const at = view.cursor === undefined ? undefined : line.at(view.cursor);
    value.textContent = at === undefined ? "" : valueText(row, at);
  });
  return head;
}

function valueText(row: PageRow, [low, high]: readonly [number, number]): string {
  const unit = row.unit === "" ? "" : ` ${row.unit.startsWith("10") ? "× " : ""}${row.unit}`;
  if (row.kind === "level" || low === high) return `${threeDigits(high)}${unit}`;
  return `${threeDigits(low)} to ${threeDigits(high)}${unit}`;
}

/** What the marks of a row mean. */
function keys(row: PageRow, data: PageData): string[] {
  if (!row.statistic) return [];
  return [
    ...(row.threshold === undefined ? [] : [`╌╌ threshold ${plain(row.threshold)}`]),
    ...(data.detections.length > 0 ? ["● detection"] : []),
    ...(data.injections.some(({ found }) => found) ? ["◇ injected SNR, found"] : []),
    ...(data.injections.some(({ found }) => !found) ? ["✕ injected SNR, missed"] : []),
  ];
}

/** Says at the cursor why there is nothing. */
function createGapTip(plot: uPlotType, view: TimeView, data: PageData): HTMLElement {
  const tip = element("div", { class: "tip" });
  tip.hidden = true;
  view.watch(() => {
    const gap = view.cursor === undefined ? undefined : gapAt(data.gaps, view.cursor);
    tip.hidden = gap === undefined || view.cursor === undefined;
    if (gap === undefined || view.cursor === undefined) return;
    tip.textContent = `Not searched: ${gap.reason}`;
    const x = plot.over.offsetLeft + plot.valToPos(view.cursor, "x");
    const room = plot.width - tip.offsetWidth - 4;
    tip.style.left = `${Math.max(0, x + 12 > room ? x - tip.offsetWidth - 12 : x + 12)}px`;
    tip.style.top = "64px";
  });
  return tip;
}
