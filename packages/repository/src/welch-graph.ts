import { float32Hann } from "./float32-window.ts";
import type { GraphBuilder, Value } from "./onnx/graph.ts";

export interface WelchOptions {
  /** Rows of the input, each with its own PSD. */
  readonly rows: number;
  /** Samples per row. */
  readonly size: number;
  /** Hz. */
  readonly sampleRate: number;
  /** Samples of one segment. */
  readonly segmentSize: number;
  /** Samples from one segment to the next. */
  readonly hopSize: number;
  readonly average: "median" | "mean";
  /** Whether the mean is taken off the whole stretch, or off each segment. */
  readonly detrend: "whole" | "segments";
  /** The window's values. Default: the periodic Hann in float32 arithmetic. */
  readonly window?: Float64Array;
}

/**
 * Adds Welch's PSD of each row, one-sided, 1/Hz: FP64 `[rows, size]` → `[rows, segmentSize/2 + 1]`.
 *
 * Periodic Hann, scale 1/(rate·Σw²), every bin doubled but DC and, at even lengths, Nyquist; the median over segments
 * is divided by its bias 1 + Σ (1/(2k + 1) − 1/2k). Window, scale and bias have float32's precision, as in ml4gw
 * (`transforms.SpectralDensity`).
 */
export function addWelch(g: GraphBuilder, x: Value, options: WelchOptions): Value {
  const { rows, size, sampleRate, segmentSize, hopSize, average } = options;
  const count = Math.floor((size - segmentSize) / hopSize) + 1;
  const bins = Math.floor(segmentSize / 2) + 1;
  const demean = (value: Value) =>
    g.op("Sub", [value, g.op("ReduceMean", [value], { axes: [-1], keepdims: 1 })]);

  const whole = options.detrend === "whole" ? demean(x) : x;
  const cuts = Array.from({ length: count }, (_, i) =>
    g.op("Slice", [whole, g.ints([i * hopSize]), g.ints([i * hopSize + segmentSize]), g.ints([1])]),
  );
  const stacked = g.op("Reshape", [g.op("Concat", cuts, { axis: 1 }), g.ints([rows * count, segmentSize])]);
  const segments = options.detrend === "segments" ? demean(stacked) : stacked;
  const window = options.window ?? float32Hann(segmentSize);
  const windowed = g.op("Mul", [segments, g.constant(window, [1, segmentSize])]);
  const spectra = g.op("DFT", [g.op("Reshape", [windowed, g.ints([rows * count, segmentSize, 1])])], {
    axis: 1,
    onesided: 1,
  });
  const power = g.op("ReduceSumSquare", [spectra], { axes: [-1], keepdims: 0 });

  const scale = Math.fround(1 / (sampleRate * window.reduce((sum, value) => sum + value * value, 0)));
  const nyquist = segmentSize % 2 === 0 ? bins - 1 : bins;
  const scales = Float64Array.from({ length: bins }, (_, k) =>
    k === 0 || k === nyquist ? scale : 2 * scale,
  );
  const density = g.op("Reshape", [
    g.op("Mul", [power, g.constant(scales, [1, bins])]),
    g.ints([rows, count, bins]),
  ]);
  return average === "mean"
    ? g.op("ReduceMean", [density], { axes: [1], keepdims: 0 })
    : addMedian(g, density, count);
}

/** The median over axis 1, divided by the bias it has for exponentially distributed values. */
function addMedian(g: GraphBuilder, values: Value, count: number): Value {
  const half = Math.floor(count / 2) + 1;
  const [lowest] = g.ops("TopK", [values, g.ints([half])], 2, { axis: 1, largest: 0, sorted: 1 });
  const middle = count % 2 === 1 ? 1 : 2;
  const picked = g.op("Slice", [lowest, g.ints([half - middle]), g.ints([half]), g.ints([1])]);
  let bias = 1;
  for (let k = 1; k <= Math.floor((count - 1) / 2); k++) bias += 1 / (2 * k + 1) - 1 / (2 * k);
  return g.op("Div", [g.op("ReduceMean", [picked], { axes: [1], keepdims: 0 }), g.double(Math.fround(bias))]);
}
