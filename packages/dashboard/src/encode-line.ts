import { encodeFloat32, encodeInt16 } from "./encode-samples.ts";
import type { PageLine } from "./page/page-data.ts";
import { reduceSamples } from "./reduce-samples.ts";

/** Where a line lies, and how it is to be kept. */
export interface LineOptions {
  /** Time of the first value in the page, s. */
  readonly start: number;
  /** Hz. */
  readonly rate: number;
  /** Values kept at most; beyond, the smallest and largest of each bin. */
  readonly limit: number;
  /** Every value is multiplied by this. Default 1. */
  readonly scale?: number;
  /** Keep 16 bits instead of float32: for a line looked at as a whole. Default false. */
  readonly short?: boolean;
}

/** A line, or an envelope where `low` and `high` are two arrays, as the page has it. */
export function encodeLine(low: Float32Array, high: Float32Array, options: LineOptions): PageLine {
  const { start, rate, limit, scale = 1, short = false } = options;
  const encode = (values: Float32Array) => {
    const scaled = scale === 1 ? values : values.map((value) => value * scale);
    return short ? encodeInt16(scaled) : encodeFloat32(scaled);
  };
  const reduced = reduceSamples(low, high, limit);
  const { binSize } = reduced;
  return {
    start: start + (binSize - 1) / 2 / rate,
    step: binSize / rate,
    low: encode(reduced.low),
    ...(reduced.low === reduced.high ? {} : { high: encode(reduced.high) }),
  };
}
