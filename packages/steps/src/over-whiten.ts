import { type Block, invalidOption, type Step } from "@strainflow/series";
import { createCoverage } from "./coverage.ts";
import { createWhitenCore } from "./whiten-core.ts";
import { type StreamWhitenOptions, whitenSizes } from "./whiten-options.ts";

export interface OverWhitenOptions extends StreamWhitenOptions {
  /** Strain that counts as 1 inside, so that data and spectra lie well inside float32. Default 1e-21. */
  readonly strainUnit?: number;
  /** Bins of `inverse_psd`, from 0 to Nyquist. Default: 1 Hz apart, sampleRate/2 + 1. */
  readonly psdBins?: number;
}

/**
 * Divides a stream by the spectrum of its own past: float64 strain `[channels][size]` in, float32 y out, and beside each
 * block the tensor `inverse_psd`, FP32 `[channels, psdBins]`.
 *
 * With d' the strain in units of `strainUnit`, y = irfft(D'·inverse_psd): `inverse_psd`, in Hz per unit², is the exact
 * response of the filter that was applied, the square of the one that `createWhiten` applies. A matched filter of a
 * template h' is then 2·dt·Σ h'[n]·y[t + n] / σ, with σ² = 4·Σ |h̃'|²·inverse_psd·df, and where there is only noise
 * each quadrature has variance 1: the bias of a short PSD is corrected for, in data and tensor alike.
 *
 * A block never straddles two PSDs. Latency (filterLength, and up to one output block), warm-up and gaps are those of
 * `createWhiten`, with twice its reach.
 *
 * @throws `invalid-option` if lengths are no whole samples or do not fit into each other
 *
 * @example
 * ```ts
 * const overWhiten = createOverWhiten({ sampleRate: 2048, channels: ["H1", "L1"] });
 * for (const block of overWhiten.push(strain)) {
 *   if (block.kind === "series") correlate(block.data, block.side?.["inverse_psd"]);
 * }
 * ```
 */
export function createOverWhiten(options: OverWhitenOptions): Step<Block<"strain">, Block<"whitened">> {
  const where = "createOverWhiten";
  const sizes = whitenSizes(where, options);
  const unit = options.strainUnit ?? 1e-21;
  const psdBins = options.psdBins ?? Math.floor(sizes.sampleRate / 2) + 1;
  if (!(unit > 0 && Number.isFinite(unit)))
    throw invalidOption(where, "strainUnit", unit, "a positive strain");
  if (!Number.isInteger(psdBins) || psdBins < 2)
    throw invalidOption(where, "psdBins", psdBins, "a whole number of bins ≥ 2");
  const core = createWhitenCore({ sizes, order: 2, unit, psdBins });
  return createCoverage({
    where,
    core,
    sampleRate: sizes.sampleRate,
    channels: sizes.channels,
    quantity: "whitened",
    back: core.reachSize,
    ahead: core.reachSize,
    blocking: sizes.blockSize - 1,
    memory: sizes.psdSize + sizes.psdStrideSize + core.reachSize,
  });
}
