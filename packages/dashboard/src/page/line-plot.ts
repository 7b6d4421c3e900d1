import type uPlotType from "uplot";
import type { Line } from "./line.ts";

/** How a line is drawn. Colours are asked for at every drawing, since the theme may change. */
export interface LineStyle {
  /** `#rrggbb` */
  readonly colour: () => string;
  /** px. Default 1. */
  readonly width?: number;
  readonly alpha?: number;
}

/** Added to a `#rrggbb` colour: two fifths. */
const BAND_OPACITY = "66";

/** uPlot's parts for lines on one time axis; envelopes become filled bands. */
export interface LineParts {
  readonly series: uPlotType.Series[];
  readonly bands: uPlotType.Band[];
  readonly data: uPlotType.AlignedData;
}

/** Parts for one line. */
export function lineParts(line: Line, style: LineStyle): LineParts {
  const { colour, width = 1, alpha = 1 } = style;
  const series: uPlotType.Series = { stroke: colour, width, alpha, points: { show: false } };
  if (line.high === undefined) return { series: [series], bands: [], data: [line.times, line.low] };
  return {
    series: [series, series],
    bands: [{ series: [2, 1], fill: () => `${colour()}${BAND_OPACITY}` }],
    data: [line.times, line.low, line.high],
  };
}

/** Parts for a line and another drawn over it. Their times are joined; each keeps its own gaps. */
export function overlaidParts(line: Line, style: LineStyle, over: Line, overStyle: LineStyle): LineParts {
  const one = lineParts(line, style);
  const two = lineParts(over, overStyle);
  return {
    series: [...one.series, ...two.series],
    bands: [
      ...one.bands,
      ...two.bands.map((band) => ({
        ...band,
        series: [band.series[0] + one.series.length, band.series[1] + one.series.length] satisfies [
          number,
          number,
        ],
      })),
    ],
    data: sameTimes(line, over) ? join(one.data, two.data) : uPlot.join([one.data, two.data]),
  };
}

function sameTimes(one: Line, two: Line): boolean {
  return one.times.length === two.times.length && one.times[0] === two.times[0];
}

function join(one: uPlotType.AlignedData, two: uPlotType.AlignedData): uPlotType.AlignedData {
  const [times, ...values] = one;
  return [times ?? [], ...values, ...two.slice(1)];
}
