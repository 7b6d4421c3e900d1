import { decodeSamples } from "./decode-samples.ts";
import type { PageLine } from "./page-data.ts";

/** A line of the page, ready to be drawn. */
export interface Line {
  readonly times: Float64Array;
  /** uPlot breaks a line at null. */
  readonly low: (number | null)[];
  /** Absent for a plain line. */
  readonly high?: (number | null)[];
  /** Smallest and largest value at a time; undefined where there is none. */
  at(time: number): readonly [low: number, high: number] | undefined;
}

export function decodeLine(line: PageLine): Line {
  const low = withNulls(decodeSamples(line.low));
  const high = line.high === undefined ? undefined : withNulls(decodeSamples(line.high));
  return {
    times: Float64Array.from(low, (_, i) => line.start + i * line.step),
    low,
    ...(high === undefined ? {} : { high }),
    at(time) {
      const place = Math.round((time - line.start) / line.step);
      const a = low[place];
      const b = (high ?? low)[place];
      return a == null || b == null ? undefined : [a, b];
    },
  };
}

function withNulls(values: Float32Array): (number | null)[] {
  return Array.from(values, (value) => (Number.isNaN(value) ? null : value));
}
