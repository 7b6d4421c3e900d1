import type uPlotType from "uplot";
import { onRepaint, theme } from "./palette.ts";
import type { TimeView } from "./time-view.ts";

/** A plot over a {@link TimeView}. */
export interface PlotOptions {
  readonly view: TimeView;
  readonly host: HTMLElement;
  readonly height: number;
  readonly series: readonly uPlotType.Series[];
  readonly data: uPlotType.AlignedData;
  readonly bands?: readonly uPlotType.Band[];
  readonly y: uPlotType.Scale;
  readonly yAxis: uPlotType.Axis;
  /** Writes the times under the plot; absent where another plot below has them. */
  readonly timeTicks?: (ticks: readonly number[]) => string[];
  readonly timeLabel?: (width: number) => string;
  /** px of the time axis, with its ticks. Default 26. */
  readonly timeSize?: number;
  /** px at the right. Default 12, so that the last tick's label is not cut off. */
  readonly rightPadding?: number;
  /** Drawn under the grid, under the line, and over it. */
  readonly below?: (plot: uPlotType) => void;
  readonly behind?: (plot: uPlotType) => void;
  readonly above?: (plot: uPlotType) => void;
}

/** px that all plots leave for their vertical axis, so that equal times stand below each other. */
const AXIS_WIDTH = 62;
const RIGHT_PADDING = 12;

const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

/** Makes a plot that follows its view and leads it: pointing, dragging and double clicks go to the view. */
export function createPlot(options: PlotOptions): uPlotType {
  const { view, host, height, data } = options;
  const plot = new uPlot(
    {
      width: Math.max(200, host.clientWidth),
      height,
      pxAlign: 0,
      padding: [6, options.rightPadding ?? RIGHT_PADDING, options.timeTicks === undefined ? 6 : 0, 0],
      legend: { show: false },
      scales: { x: { time: false, auto: false, min: view.range.from, max: view.range.to }, y: options.y },
      axes: [timeAxis(options), valueAxis(options.yAxis)],
      series: [{}, ...options.series],
      bands: [...(options.bands ?? [])],
      cursor: {
        y: false,
        points: { show: false },
        drag: { x: true, y: false, setScale: false, dist: 4 },
        bind: { dblclick: () => () => showAll(view) },
      },
      hooks: {
        drawClear: [(self) => options.below?.(self)],
        drawAxes: [(self) => options.behind?.(self)],
        draw: [(self) => options.above?.(self)],
        setCursor: [(self) => point(self, view)],
        setSelect: [(self) => select(self, view)],
      },
    },
    data,
    host,
  );
  const fit = (): void => {
    const width = Math.max(200, host.clientWidth);
    if (width !== plot.width) plot.setSize({ width, height });
  };
  view.watch(() => follow(plot, view));
  onRepaint(() => {
    fit();
    plot.redraw(false, true);
  });
  new ResizeObserver(fit).observe(host);
  return plot;
}

/** uPlot's listeners give null. */
function showAll(view: TimeView): null {
  view.reset();
  return null;
}

function point(plot: uPlotType, view: TimeView): void {
  const { left } = plot.cursor;
  view.point(left === undefined || left < 0 ? undefined : plot.posToVal(left, "x"));
}

function select(plot: uPlotType, view: TimeView): void {
  const { left, width } = plot.select;
  if (width < 4) return;
  const range = { from: plot.posToVal(left, "x"), to: plot.posToVal(left + width, "x") };
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  view.look(range);
}

function follow(plot: uPlotType, view: TimeView): void {
  const { from, to } = view.range;
  const { min, max } = plot.scales["x"] ?? {};
  if (min !== from || max !== to) plot.setScale("x", { min: from, max: to });
  const at = view.cursor;
  const left = at === undefined || at < from || at > to ? -10 : plot.valToPos(at, "x");
  if (Math.abs((plot.cursor.left ?? -10) - left) > 0.5 || left < 0)
    plot.setCursor({ left, top: left < 0 ? -10 : 0 }, false);
}

function timeAxis({ timeTicks, timeLabel, timeSize = 26 }: PlotOptions): uPlotType.Axis {
  const shown = timeTicks !== undefined;
  return {
    stroke: () => theme().muted,
    font: FONT,
    labelFont: FONT,
    grid: { stroke: () => theme().grid, width: 1 },
    ticks: { show: shown, stroke: () => theme().rule, width: 1, size: 5 },
    size: shown ? timeSize : 0,
    gap: 3,
    space: 84,
    values: (_, ticks) => timeTicks?.(ticks) ?? ticks.map(() => ""),
    ...(timeLabel === undefined
      ? {}
      : { label: (plot) => timeLabel(plot.width), labelSize: 20, labelGap: 0 }),
  };
}

function valueAxis(own: uPlotType.Axis): uPlotType.Axis {
  return {
    stroke: () => theme().muted,
    font: FONT,
    labelFont: FONT,
    grid: { stroke: () => theme().grid, width: 1 },
    ticks: { stroke: () => theme().rule, width: 1, size: 5 },
    size: AXIS_WIDTH - 20,
    gap: 3,
    labelSize: 20,
    labelGap: 0,
    space: 28,
    values: (_, ticks) => ticks.map((tick) => String(Number(tick.toPrecision(6))).replace("-", "\u2212")),
    ...own,
  };
}
