import { hann } from "./float32-window.ts";
import type { GraphBuilder, Value } from "./onnx/graph.ts";

export interface WhiteningOptions {
  /** Rows, each with its PSD. */
  readonly rows: number;
  /** Samples per row. */
  readonly size: number;
  /** Points of the PSD, from 0 to Nyquist. */
  readonly psdBins: number;
  /** Hz. */
  readonly sampleRate: number;
  /** Samples that the whitening filter is long; even. */
  readonly filterSize: number;
  /** Hz; what lies below is taken out. */
  readonly highpass?: number;
  /** Hz; what lies above is taken out. */
  readonly lowpass?: number;
}

/**
 * Adds ml4gw's whitening (`transforms.Whiten`): FP64 `[rows, size]` and PSD `[rows, psdBins]` → FP32
 * `[rows, size − filterSize]`, of unit variance, half a filter cut off each side.
 *
 * The PSD is interpolated linearly with half-sample-centred resizing, its inverse root zeroed outside the pass band
 * (and at the last bin where the count of bins is odd), truncated in time to the filter with a Hann taper, taken back
 * to a PSD, and halved: √2 in amplitude makes unit variance of a one-sided density. Where it is infinite or undefined,
 * as with a PSD of zeros, the output is 0.
 */
export function addWhitening(g: GraphBuilder, x: Value, psd: Value, options: WhiteningOptions): Value {
  const { rows, size, sampleRate, filterSize } = options;
  const bins = Math.floor(size / 2) + 1;
  const interpolated = addResize(g, psd, options.psdBins, bins);
  const inverse = g.op("Div", [g.double(1), g.op("Sqrt", [interpolated])]);
  const kept = g.op("Where", [
    g.op("Greater", [g.constant(passBand(options, bins), [1, bins]), g.double(0)]),
    inverse,
    g.double(0),
  ]);
  const response = addRealInverse(g, g.op("Unsqueeze", [kept, g.ints([2])]), { rows, size, parts: 1 });
  const truncated = g.op("Mul", [response, g.constant(taper(size, filterSize), [1, size])]);
  const power = g.op("ReduceSumSquare", [addRealForward(g, truncated, rows, size)], {
    axes: [-1],
    keepdims: 1,
  });
  const amplitude = g.op("Sqrt", [g.op("Div", [g.double(0.5), power])]);

  const demeaned = g.op("Sub", [x, g.op("ReduceMean", [x], { axes: [-1], keepdims: 1 })]);
  const white = g.op("Div", [addRealForward(g, demeaned, rows, size), amplitude]);
  const bad = g.op("Or", [g.op("IsNaN", [white]), g.op("IsInf", [white])]);
  const series = addRealInverse(g, g.op("Where", [bad, g.double(0), white]), { rows, size, parts: 2 });
  const single = g.op("Div", [g.op("Cast", [series], { to: 1 }), g.float(Math.sqrt(sampleRate))]);
  return g.op("Slice", [single, g.ints([filterSize / 2]), g.ints([size - filterSize / 2]), g.ints([1])]);
}

/** `[rows, size]` → `[rows, bins, 2]`. */
function addRealForward(g: GraphBuilder, x: Value, rows: number, size: number): Value {
  return g.op("DFT", [g.op("Reshape", [x, g.ints([rows, size, 1])])], { axis: 1, onesided: 1 });
}

/**
 * `[rows, bins, parts]` → `[rows, size]`. The operator has no inverse of half a spectrum; but the real part of the
 * inverse of the half, doubled inside, is the same.
 */
function addRealInverse(
  g: GraphBuilder,
  spectrum: Value,
  { rows, size, parts }: { readonly rows: number; readonly size: number; readonly parts: 1 | 2 },
): Value {
  const bins = Math.floor(size / 2) + 1;
  const doubled = Float64Array.from({ length: bins }, (_, k) => (k === 0 || 2 * k === size ? 1 : 2));
  const weighted = g.op("Mul", [spectrum, g.constant(doubled, [1, bins, 1])]);
  const padded = g.op("Pad", [weighted, g.ints([0, 0, 0, 0, size - bins, 2 - parts])]);
  const complex = g.op("DFT", [padded], { axis: 1, inverse: 1 });
  const real = g.op("Slice", [complex, g.ints([0]), g.ints([1]), g.ints([2])]);
  return g.op("Reshape", [real, g.ints([rows, size])]);
}

/** Linear interpolation from `from` to `to` points, point i standing at (i + ½)/points, the ends held. */
function addResize(g: GraphBuilder, values: Value, from: number, to: number): Value {
  if (from === to) return values;
  const places = Array.from({ length: to }, (_, i) => Math.max(((i + 0.5) * from) / to - 0.5, 0));
  const lower = places.map((place) => Math.min(Math.floor(place), from - 1));
  const upper = lower.map((index) => Math.min(index + 1, from - 1));
  const weight = Float64Array.from(places, (place, i) => place - lower[i]!);
  const term = (indexes: number[], weights: Float64Array) =>
    g.op("Mul", [g.op("Gather", [values, g.ints(indexes)], { axis: 1 }), g.constant(weights, [1, to])]);
  return g.op("Add", [
    term(
      lower,
      weight.map((w) => 1 - w),
    ),
    term(upper, weight),
  ]);
}

function passBand({ size, sampleRate, highpass, lowpass }: WhiteningOptions, bins: number): Float64Array {
  const df = sampleRate / size;
  const first = highpass === undefined ? 0 : Math.trunc(highpass / df);
  const end = lowpass === undefined ? bins : Math.trunc(lowpass / df);
  return Float64Array.from({ length: bins }, (_, k) =>
    k < first || k >= end || (k === bins - 1 && bins % 2 === 1) ? 0 : 1,
  );
}

/** The later half of a Hann window, zeros, its earlier half: around time 0, and nothing beyond half the filter. */
function taper(size: number, filterSize: number): Float64Array {
  const window = hann(filterSize);
  const half = filterSize / 2;
  const whole = new Float64Array(size);
  whole.set(window.subarray(half), 0);
  whole.set(window.subarray(0, half), size - half);
  return whole;
}
