import { invalidOption } from "@strainflow/series";
import { addFastCorrelation, defaultHalvings } from "./fast-correlation.ts";
import { type Placement, positive, statesPlacement } from "./model-config.ts";
import { createGraph, type GraphBuilder, type Value } from "./onnx/graph.ts";
import { onnxModel } from "./onnx-model.ts";
import type { Model, ModelRepository } from "./repository.ts";
import { addStreamingEnsemble, type StreamingEnsembleOptions } from "./streaming-ensemble.ts";
import { powerSpectrum } from "./template-spectra.ts";

/** The templates of a search; what the waveforms package makes has this form. */
export interface TemplateBank {
  readonly templates: readonly Template[];
  /** Hz. */
  readonly sampleRate: number;
  /** Samples of every template, M. */
  readonly templateSize: number;
  /** Sample of every template's amplitude peak: M − 1 − strideSize, one stride before its end. */
  readonly peakIndex: number;
}

export interface Template {
  /** Plus polarisation, M samples; any scale. */
  readonly hc: Float64Array;
  /** The same, rotated by 90°. */
  readonly hs: Float64Array;
  /** Solar masses. */
  readonly mass1: number;
  readonly mass2: number;
}

export interface MatchedFilterOptions extends Placement {
  /** Default `matched-filter`. */
  readonly name?: string;
  readonly bank: TemplateBank;
  /** Detectors, in the order of the stream's channels. */
  readonly channels: readonly string[];
  /** Windows per request, B. */
  readonly batchSize: number;
  /** Samples between two windows, S; each gives the peak of S lags. */
  readonly strideSize: number;
  /** Points of `inverse_psd`, F, from 0 to Nyquist. Default M/2 + 1: 1 Hz apart for templates of 1 s. */
  readonly psdBins?: number;
}

/**
 * The reference detector: a bank of templates against over-whitened strain.
 *
 * Takes `kernel` `[B, D, M + S − 1]`, strain divided by its PSD in zero phase, and `inverse_psd` `[D, F]`, one over
 * that one-sided PSD; strain in units of 1e-21, so that all lies well inside float32. With
 * z = 2·dt·Σₙ (h_c[n] + i·h_s[n])·y[t + n] / σ and σ² = 4·Σ_f |h̃_c|²·inverse_psd·df it gives, per template,
 * - `triggers` `[B, D, T, 3]`: the largest |z| of the S lags, its lag 0 … S − 1, and the phase of z there in rad;
 * - `quadratures` `[B, D, T, 2]`: Re z and Im z at the last lag, whose mean is 0 and whose deviation 1 in noise.
 *
 * The output of stride [a, a + S) stands for peaks in [a − S, a): templates peak one stride before their end.
 *
 * Data over-whitened and σ from the PSD, not templates whitened once: a new PSD needs no new model, and σ for 2 detectors
 * and 32 templates takes 5 µs of a run of 2.5 ms.
 *
 * @throws `invalid-option`
 */
export function buildMatchedFilter(options: MatchedFilterOptions): Model {
  const { name = "matched-filter", bank, channels, batchSize, strideSize } = options;
  const { templates, templateSize } = bank;
  const psdBins = options.psdBins ?? templateSize / 2 + 1;
  positive(name, "batchSize", batchSize);
  positive(name, "strideSize", strideSize);
  if (!Number.isSafeInteger(psdBins) || psdBins < 2)
    throw invalidOption(name, "psdBins", psdBins, "a whole number ≥ 2");
  if (channels.length === 0) throw invalidOption(name, "channels", "empty", "at least one detector");
  if (templates.length === 0) throw invalidOption(name, "bank", "empty", "at least one template");
  if (bank.peakIndex !== templateSize - 1 - strideSize)
    throw invalidOption(
      name,
      "bank.peakIndex",
      bank.peakIndex,
      `one stride before the template's end, ${templateSize - 1 - strideSize}, or triggers would be timed wrongly`,
    );

  const detectors = channels.length;
  const kernelSize = templateSize + strideSize - 1;
  const { filters, powers } = scaledTemplates(name, bank, psdBins);
  const count = templates.length;

  const g = createGraph(name);
  const kernel = g.input("kernel", "FP32", [batchSize, detectors, kernelSize]);
  const inversePsd = g.input("inverse_psd", "FP32", [detectors, psdBins]);
  const rows = batchSize * detectors;
  const { output, lags } = addFastCorrelation(g, g.op("Reshape", [kernel, g.ints([rows, kernelSize])]), {
    rows,
    templates: filters,
    templateSize,
    lags: strideSize,
    halvings: defaultHalvings(templateSize, strideSize),
  });
  const lagShape = g.ints([batchSize, detectors, count, strideSize]);
  const [c, s] = g
    .ops("Split", [g.op("Reshape", [output, g.ints([rows, 2, count, strideSize])])], 2, { axis: 1 })
    .map((value) => g.op("Reshape", [value, lagShape]));
  if (c === undefined || s === undefined) throw new RangeError("Split gave fewer than two outputs");
  const variance = g.op("MatMul", [inversePsd, g.constant(powers, [psdBins, count])]);
  // A PSD without any power in the template's band gives 0/tiny = 0, not NaN.
  const sigma = g.op("Reshape", [
    g.op("Sqrt", [g.op("Max", [variance, g.float(1e-30)])]),
    g.ints([1, detectors, count, 1]),
  ]);

  const power = g.op("Add", [g.op("Mul", [c, c]), g.op("Mul", [s, s])]);
  const peak = g.op("ArgMax", [power], { axis: -1, keepdims: 1 });
  const atPeak = (value: Value) => g.op("GatherElements", [value, peak], { axis: 3 });
  const [cPeak, sPeak] = [atPeak(c), atPeak(s)];
  const snr = g.op("Div", [g.op("Sqrt", [atPeak(power)]), sigma]);
  const lag = g.op("Gather", [g.constant(Float32Array.from(lags), [strideSize]), peak]);
  const phase = addAtan2(g, sPeak, cPeak);
  const tensor = [batchSize, detectors, count];
  g.output("triggers", g.op("Concat", [snr, lag, phase], { axis: 3 }), "FP32", [...tensor, 3]);
  // The last lag stands last in every order of phases.
  const lastLag = (value: Value) =>
    g.op("Slice", [value, g.ints([strideSize - 1]), g.ints([strideSize]), g.ints([3])]);
  const last = g.op("Concat", [lastLag(c), lastLag(s)], { axis: 3 });
  g.output("quadratures", g.op("Div", [last, sigma]), "FP32", [...tensor, 2]);

  return onnxModel(
    {
      name,
      inputs: [
        { name: "kernel", type: "FP32", shape: [batchSize, detectors, kernelSize] },
        { name: "inverse_psd", type: "FP32", shape: [detectors, psdBins] },
      ],
      outputs: [
        { name: "triggers", type: "FP32", shape: [...tensor, 3] },
        { name: "quadratures", type: "FP32", shape: [...tensor, 2] },
      ],
      parameters: templateParameters(bank),
      onnx: g.toBytes(),
    },
    options,
  );
}

export interface MatchedFilterEnsembleOptions
  extends MatchedFilterOptions,
    Pick<StreamingEnsembleOptions, "states" | "replace" | "snapshotterName"> {
  /** Name of the ensemble. Default: the model's name and `-stream`. */
  readonly ensembleName?: string;
}

/**
 * Adds the reference detector and the ensemble that streams into it: inputs `stream` `[1, D, S·B]` and `inverse_psd`
 * `[D, F]`, outputs `triggers` and `quadratures`. Memory M − 1 samples, latency one stride.
 *
 * @throws as {@link buildMatchedFilter} and `addStreamingEnsemble`
 */
export async function addMatchedFilter(
  repository: ModelRepository,
  options: MatchedFilterEnsembleOptions,
): Promise<void> {
  const { name = "matched-filter", strideSize, channels, bank, replace = false } = options;
  await addStreamingEnsemble(repository, {
    name: options.ensembleName ?? `${name}-stream`,
    network: buildMatchedFilter(options),
    kernelInput: "kernel",
    channels,
    sampleRate: bank.sampleRate,
    strideSize,
    latency: strideSize,
    replace,
    parameters: templateParameters(bank),
    states: statesPlacement(options),
    ...(options.snapshotterName === undefined ? {} : { snapshotterName: options.snapshotterName }),
  });
}

/** Masses of the templates, so that a client can name them: `strainflow.templates`, JSON. */
function templateParameters(bank: TemplateBank): Record<string, string> {
  return {
    "strainflow.templates": JSON.stringify(bank.templates.map(({ mass1, mass2 }) => ({ mass1, mass2 }))),
  };
}

/** Filters 2·dt·h as `[2T, M]`, all plus then all rotated, and 4·|h̃_c|²·df as `[F, T]`, each template at unit norm. */
function scaledTemplates(
  name: string,
  bank: TemplateBank,
  psdBins: number,
): { readonly filters: Float64Array; readonly powers: Float32Array } {
  const { templates, sampleRate, templateSize } = bank;
  const count = templates.length;
  const df = sampleRate / (2 * (psdBins - 1));
  const filters = new Float64Array(2 * count * templateSize);
  const powers = new Float32Array(psdBins * count);
  for (const [t, { hc, hs }] of templates.entries()) {
    if (hc.length !== templateSize || hs.length !== templateSize)
      throw invalidOption(
        name,
        `bank.templates[${t}]`,
        `${hc.length} and ${hs.length} samples`,
        `${templateSize} samples each`,
      );
    const largest = hc.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    if (!(largest > 0) || !Number.isFinite(largest) || !hs.every(Number.isFinite))
      throw invalidOption(name, `bank.templates[${t}]`, `of amplitude ${largest}`, "finite and not all zero");
    // z does not depend on a template's scale, but float32 does: strain of 1e-21 squared has no place in it.
    const scale = Math.sqrt(hc.reduce((sum, value) => sum + (value / largest) ** 2, 0)) * largest;
    const plus = hc.map((value) => value / scale);
    filters.set(
      plus.map((value) => (2 * value) / sampleRate),
      t * templateSize,
    );
    filters.set(
      hs.map((value) => (2 * value) / sampleRate / scale),
      (count + t) * templateSize,
    );
    const spectrum = powerSpectrum(plus, sampleRate, psdBins);
    for (let f = 0; f < psdBins; f++) powers[f * count + t] = 4 * spectrum[f]! * df;
  }
  return { filters, powers };
}

/** atan2(y, x), which these operators lack: 0 at the origin, ±π/2 on the axis, in (−π, π]. */
function addAtan2(g: GraphBuilder, y: Value, x: Value): Value {
  const zero = g.float(0);
  const xIsZero = g.op("Equal", [x, zero]);
  const slope = g.op("Atan", [g.op("Div", [y, g.op("Where", [xIsZero, g.float(1), x])])]);
  const half = g.op("Where", [g.op("Less", [y, zero]), g.float(-Math.PI), g.float(Math.PI)]);
  const left = g.op("Add", [slope, half]);
  const right = g.op("Where", [g.op("Less", [x, zero]), left, slope]);
  const upright = g.op("Mul", [g.op("Sign", [y]), g.float(Math.PI / 2)]);
  return g.op("Where", [xIsZero, upright, right]);
}
