import type { Block, Step } from "@strainflow/series";
import { createCoverage } from "./coverage.ts";
import { createCausalWhitenCore } from "./whiten-causal-core.ts";
import { type StreamWhitenOptions, whitenSizes } from "./whiten-options.ts";

export interface WhitenMinimumPhaseOptions extends Omit<StreamWhitenOptions, "latencyBlock"> {
  /**
   * Samples of an output block; blocks begin at absolute multiples of it, and it divides psdStride·sampleRate.
   * Default 1, no latency at all, since that is what this form is for; each output is then a sum over the whole filter.
   * From 32 samples on blocks are filtered by transforms: for a replay, where nobody waits, 1/4 s is some ten times cheaper.
   */
  readonly latencyBlock?: number;
}

/**
 * Whitens a stream by the spectrum of its own past without waiting for its future: float64 strain `[channels][size]` in,
 * float32 of unit variance out, each sample with the push that brings it.
 *
 * The sample at t is Σₖ w[k]·x[t − k], k = 0 … filterLength·sampleRate − 1, with w the minimum-phase filter
 * ({@link minimumPhaseTaps}) that has the magnitude of the one that `createWhiten` applies: the inverse ASD of the
 * `psdLength` seconds before the PSD-stride that t lies in. The filter changes where PSD-strides begin on the absolute
 * grid, at once, as `createWhiten`'s does.
 *
 * The phase comes from the magnitude by the folded real cepstrum (homomorphic filtering: A. Oppenheim, R. Schafer,
 * "Discrete-Time Signal Processing", ch. 13). It is not linear: a signal is delayed by an amount that depends on its
 * frequency. A matched filter loses nothing by that if its template goes through the same filter, as L. Tsukada et al.,
 * "Application of a zero-latency whitening filter to compact binary coalescence gravitational-wave searches", Phys. Rev.
 * D 97, 103009 (2018), do it; a network has to be trained behind it.
 *
 * - latency: `latencyBlock` − 1 samples, by default none (`createWhiten` waits for half of its filter);
 * - warm-up: filterLength − 1 sample, and until half (`minimumFraction`) of the first PSD's segments have been seen;
 * - gaps: output less than filterLength after a gap is a gap, and none before it; the PSD outlives a gap, from the
 *   segments that do not touch it;
 * - a channel whose spectrum is zero somewhere in the pass band makes gaps of reason `not-ready`.
 *
 * @throws `invalid-option` if lengths are no whole samples or do not fit into each other
 *
 * @example
 * ```ts
 * const whiten = createWhitenMinimumPhase({ sampleRate: 2048, channels: ["H1", "L1"] });
 * for (const whitened of whiten.push(block)) consume(whitened);
 * ```
 */
export function createWhitenMinimumPhase(
  options: WhitenMinimumPhaseOptions,
): Step<Block<"strain">, Block<"whitened">> {
  const where = "createWhitenMinimumPhase";
  const sizes = whitenSizes(where, { ...options, latencyBlock: options.latencyBlock ?? 1 });
  const past = sizes.filterSize - 1;
  return createCoverage({
    where,
    core: createCausalWhitenCore(sizes),
    sampleRate: sizes.sampleRate,
    channels: sizes.channels,
    quantity: "whitened",
    back: past,
    ahead: 0,
    blocking: sizes.blockSize - 1,
    memory: sizes.psdSize + sizes.psdStrideSize + past,
  });
}
