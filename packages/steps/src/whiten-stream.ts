import type { Block, Step } from "@strainflow/series";
import { createCoverage } from "./coverage.ts";
import { createWhitenCore } from "./whiten-core.ts";
import { type StreamWhitenOptions, whitenSizes } from "./whiten-options.ts";

export interface WhitenOptions extends StreamWhitenOptions {}

/**
 * Whitens a stream by the spectrum of its own past: float64 strain `[channels][size]` in, float32 of unit variance out.
 *
 * The sample at t is the data convolved with a zero-phase filter, the inverse ASD of the `psdLength` seconds before the
 * PSD-stride that t lies in, cut to `filterLength` seconds as ml4gw cuts it (Allen et al., Phys. Rev. D 85, 122006).
 * The data are not demeaned, which would depend on the chunking: the filter's high-pass does that.
 *
 * - latency: filterLength/2, and up to one output block;
 * - warm-up: until half (`minimumFraction`) of the first PSD's segments have been seen;
 * - gaps: output within filterLength/2 of a gap is a gap; the PSD outlives it, from the segments that do not touch it;
 * - a channel whose spectrum is zero somewhere in the pass band makes gaps of reason `not-ready`.
 *
 * @throws `invalid-option` if lengths are no whole samples or do not fit into each other
 *
 * @example
 * ```ts
 * const whiten = createWhiten({ sampleRate: 2048, channels: ["H1", "L1"] });
 * for (const whitened of whiten.push(block)) consume(whitened);
 * ```
 */
export function createWhiten(options: WhitenOptions): Step<Block<"strain">, Block<"whitened">> {
  const sizes = whitenSizes("createWhiten", options);
  const core = createWhitenCore({ sizes, order: 1, unit: 1, psdBins: 0 });
  return createCoverage({
    where: "createWhiten",
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
