import { type Block, checkSampleRate, invalidOption, type Step } from "@strainflow/series";
import { createCoverage } from "./coverage.ts";
import { createDecimateCore } from "./decimate-core.ts";
import { createResampleCore } from "./resample-core.ts";
import { checkTaps, forwardBackward, hammingLowpass, kaiserLowpass, kaiserSize } from "./resample-taps.ts";

export interface ResampleOptions {
  /** Hz of the stream, a whole number. */
  readonly inputRate: number;
  /** Hz wanted, a whole number. */
  readonly outputRate: number;
  readonly channels: readonly string[];
  /**
   * `"zero"` (default): the filter's delay is taken out, and an output waits for the input that it needs.
   * `"causal"`: nothing waits, and every feature comes out {@link Resample.delay} samples late.
   */
  readonly phase?: "zero" | "causal";
  /** Fraction of the lower Nyquist frequency up to which signals pass unchanged. Default 0.9. */
  readonly passband?: number;
  /** dB by which everything from the lower Nyquist frequency on is put down. Default 90. */
  readonly attenuation?: number;
  /** The low-pass itself instead: an odd number of taps of sum 1, at the rate inputRate·outputRate/gcd. */
  readonly taps?: Float64Array;
  /** `"aframe"`: its 61 Hamming taps, forwards and backwards if `phase` is `"zero"`. Aliases near Nyquist. */
  readonly compatibility?: "aframe";
}

/** A resampling step, with what its causal form delays by. */
export interface Resample extends Step<Block<"strain">, Block<"strain">> {
  /** Output samples by which features come out late: 0 at zero phase. A whole number unless `taps` say otherwise. */
  readonly delay: number;
}

/** All phases together; a ratio such as 4096 : 4095 still fits. */
const MOST_TAPS = 2 ** 23;

/**
 * Resamples a stream from one whole rate to another by a linear-phase FIR filter: float64 `[channels][size]` in, and
 * `[channels][size·outputRate/inputRate]` out.
 *
 * Output m is at the time m/outputRate exactly, so neither chunk borders nor the stream's start move a phase. What lies
 * above the lower Nyquist frequency is put down by `attenuation` before it can alias.
 *
 * - latency at zero phase: half the filter, some 57 samples of the lower rate at the defaults, and up to 1/16 s more
 *   when one rate divides the other: then the filter runs by Fourier transform, in blocks at absolute multiples of 1/16 s;
 * - gaps: outputs whose filter touches a gap are gaps.
 *
 * @throws `invalid-option` if a rate is not a whole number, or their ratio needs too long a filter
 *
 * @example
 * ```ts
 * const resample = createResample({ inputRate: 4096, outputRate: 2048, channels: ["H1", "L1"] });
 * const blocks = resample.push(block);
 * ```
 */
export function createResample(options: ResampleOptions): Resample {
  const where = "createResample";
  const { inputRate, outputRate, channels, phase = "zero" } = options;
  checkSampleRate(where, inputRate);
  checkSampleRate(where, outputRate);
  if (channels.length === 0)
    throw invalidOption(where, "channels", "empty", "the names of the stream's channels");
  const divisor = greatestCommonDivisor(inputRate, outputRate);
  const up = outputRate / divisor;
  const down = inputRate / divisor;
  const taps = tapsOf(where, options, up, down);
  const delayed = (taps.length - 1) / 2;
  const ahead = phase === "zero" ? delayed : 0;
  const back = Math.ceil((taps.length - 1 - ahead) / up);
  const inBlocks = up === 1 && down > 1 && phase === "zero" && isSymmetric(taps);
  const blockSize = inBlocks ? blockSizeOf(outputRate) : 0;
  const shared = { taps, inputRate, outputRate, channels: channels.length };
  const step = createCoverage({
    where,
    core: inBlocks
      ? createDecimateCore({ ...shared, factor: down, blockSize })
      : createResampleCore({ ...shared, up, down, ahead }),
    sampleRate: inputRate,
    outputRate,
    channels,
    quantity: "strain",
    back,
    ahead: Math.ceil(ahead / up),
    blocking: inBlocks ? blockSize * down - 1 : 0,
    memory: back + (inBlocks ? blockSize * down : 0),
  });
  return Object.assign(step, { delay: phase === "zero" ? 0 : delayed / down });
}

function tapsOf(where: string, options: ResampleOptions, up: number, down: number): Float64Array {
  const { inputRate, outputRate, phase = "zero", passband = 0.9, attenuation = 90 } = options;
  if (options.taps !== undefined) return checkTaps(where, options.taps);
  if (options.compatibility === "aframe") {
    if (up !== 1)
      throw invalidOption(where, "outputRate", outputRate, `a divisor of ${inputRate} Hz, as aframe has it`);
    const taps = hammingLowpass(61, 1 / down);
    return phase === "zero" ? forwardBackward(taps) : taps;
  }
  if (!(passband > 0 && passband < 1))
    throw invalidOption(where, "passband", passband, "a fraction between 0 and 1");
  if (!(attenuation >= 22 && attenuation <= 200))
    throw invalidOption(where, "attenuation", attenuation, "from 22 to 200 dB");
  if (up === 1 && down === 1) return Float64Array.of(1);
  const stopEdge = Math.min(inputRate, outputRate) / 2;
  const design = {
    sampleRate: inputRate * up,
    passEdge: passband * stopEdge,
    stopEdge,
    attenuation,
    delayMultiple: down,
  };
  if (kaiserSize(design) > MOST_TAPS)
    throw invalidOption(
      where,
      "outputRate",
      outputRate,
      `in a simpler ratio to ${inputRate} Hz than ${up} : ${down}, which needs ${kaiserSize(design)} taps`,
    );
  return kaiserLowpass(design);
}

/** The largest power of two up to 1/16 s: long enough for transforms to pay, short beside what follows. */
function blockSizeOf(outputRate: number): number {
  return 2 ** Math.max(0, Math.floor(Math.log2(outputRate / 16)));
}

function isSymmetric(taps: Float64Array): boolean {
  return taps.every((tap, n) => Math.abs(tap - taps[taps.length - 1 - n]!) <= 1e-15 * Math.abs(tap));
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
