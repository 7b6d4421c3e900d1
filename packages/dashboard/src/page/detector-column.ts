import type uPlotType from "uplot";
import { element } from "./element.ts";
import { decodeLine, type Line } from "./line.ts";
import { lineParts, overlaidParts } from "./line-plot.ts";
import type { PagePanel } from "./page-data.ts";
import { theme } from "./palette.ts";
import { createPlot } from "./plot.ts";
import { decodeSpectrogram, drawColourBar, type Spectrogram } from "./spectrogram.ts";
import { gpsText, threeDigits } from "./text.ts";
import { ifoColour } from "./theme.ts";
import { secondTicks } from "./time-ticks.ts";
import type { TimeView } from "./time-view.ts";

/** px at the right of all panels, for the colour bar and its figures. */
const BAR_PADDING = 52;

/** One detector's panels, ready to be drawn. */
export interface DetectorPanels {
  readonly ifo: string;
  readonly whitened: Line;
  readonly template: Line | undefined;
  readonly strain: Line;
  readonly strainUnit: string;
  readonly spectrogram: Spectrogram;
}

/** What a detection's columns have in common. */
export interface ColumnContext {
  readonly view: TimeView;
  readonly ifos: readonly string[];
  /** GPS nanoseconds of the view's zero. */
  readonly zeroNs: bigint;
  /** Largest absolute value of the whitened strain. */
  readonly whitenedPeak: number;
  /** Energy of the brightest colour. */
  readonly ceiling: number;
}

export function decodePanel(ifo: string, panel: PagePanel): DetectorPanels {
  return {
    ifo,
    whitened: decodeLine(panel.whitened),
    template: panel.template === undefined ? undefined : decodeLine(panel.template),
    strain: decodeLine(panel.strain),
    strainUnit: panel.strainUnit,
    spectrogram: decodeSpectrogram(panel.spectrogram),
  };
}

/** Draws one detector: whitened strain with the template over it, spectrogram, strain as it was read. */
export function drawColumn(host: HTMLElement, panels: DetectorPanels, context: ColumnContext): void {
  const { ifo } = panels;
  const column = element("div", { class: "column" });
  column.append(element("h4", { class: `ifo-${context.ifos.indexOf(ifo)}` }, ifo));
  host.append(column);
  drawWhitened(column, panels, context);
  drawSpectrogram(column, panels, context);
  drawStrain(column, panels, context);
}

function drawWhitened(column: HTMLElement, panels: DetectorPanels, context: ColumnContext): void {
  const { view, whitenedPeak, ifos } = context;
  const { whitened, template, ifo } = panels;
  const style = { colour: () => ifoColour(theme(), ifo, ifos), alpha: template === undefined ? 1 : 0.75 };
  const over = { colour: () => theme().ink, width: 1.5 };
  const peak = 1.08 * whitenedPeak;
  createPlot({
    view,
    rightPadding: BAR_PADDING,
    host: addRow(column, {
      view,
      title: "Whitened strain",
      keys: template === undefined ? [] : ["thin: data", "━ template"],
      value: (time) => valueText(whitened, time),
    }),
    height: 168,
    ...(template === undefined ? lineParts(whitened, style) : overlaidParts(whitened, style, template, over)),
    y: { range: () => [-peak, peak] },
    yAxis: { label: "Strain (σ)" },
  });
}

function drawSpectrogram(column: HTMLElement, panels: DetectorPanels, context: ColumnContext): void {
  const { view, ceiling } = context;
  const { spectrogram } = panels;
  const { edges, times } = spectrogram;
  const host = addRow(column, {
    view,
    title: "Spectrogram",
    keys: ["colour: energy, 1 on average in noise"],
    value: (time) => {
      // Only under the pointer is there a frequency.
      if (!plot.over.matches(":hover")) return "";
      const frequency = plot.posToVal(plot.cursor.top ?? 0, "y");
      const energy = spectrogram.at(time, frequency);
      return energy === undefined ? "" : `${threeDigits(energy)} at ${threeDigits(frequency)} Hz`;
    },
  });
  const plot: uPlotType = createPlot({
    view,
    rightPadding: BAR_PADDING,
    host,
    height: 190,
    series: [{ stroke: "transparent", points: { show: false } }],
    data: [[...times], [...edges]],
    y: { distr: 3, log: 2, range: () => [...edges] },
    yAxis: {
      label: "Frequency (Hz)",
      splits: () => octaves(edges),
      values: (_, ticks) => ticks.map(String),
      grid: { show: false },
    },
    behind: (self) => spectrogram.draw(self, ceiling),
    above: (self) => drawColourBar(self, ceiling, spectrogram.loudest > ceiling, theme().muted),
  });
}

function drawStrain(column: HTMLElement, panels: DetectorPanels, context: ColumnContext): void {
  const { view, ifos, zeroNs } = context;
  const { strain, strainUnit, ifo } = panels;
  createPlot({
    view,
    rightPadding: BAR_PADDING,
    host: addRow(column, {
      view,
      title: "Raw strain",
      keys: [],
      value: (time) => valueText(strain, time, ` × ${strainUnit}`),
    }),
    height: 150,
    ...lineParts(strain, { colour: () => ifoColour(theme(), ifo, ifos) }),
    y: {},
    yAxis: { label: `Strain (${strainUnit})` },
    timeTicks: secondTicks,
    timeLabel: () => `Seconds from GPS ${gpsText(zeroNs)}`,
  });
}

interface Row {
  readonly view: TimeView;
  readonly title: string;
  readonly keys: readonly string[];
  /** What is said of the time under the cursor. */
  readonly value: (time: number) => string;
}

/** A place for a plot, with its title, what its signs mean, and its value at the cursor. */
function addRow(column: HTMLElement, { view, title, keys, value }: Row): HTMLElement {
  const output = element("output", { "aria-live": "off" });
  const host = element("div");
  const head = element("div", { class: "row-head" }, element("b", {}, title));
  head.append(...keys.map((key) => element("span", { class: "key" }, key)), output);
  column.append(element("div", { class: "row" }, head, host));
  view.watch(() => {
    output.textContent = view.cursor === undefined ? "" : value(view.cursor);
  });
  return host;
}

function valueText(line: Line, time: number, unit = ""): string {
  const at = line.at(time);
  return at === undefined ? "" : `${threeDigits(at[1])}${unit}`;
}

/** 32, 64, 128 Hz, … */
function octaves([low, high]: readonly [number, number]): number[] {
  const ticks: number[] = [];
  for (let hz = 2 ** Math.ceil(Math.log2(low)); hz <= high; hz *= 2) ticks.push(hz);
  return ticks;
}
