/** A stretch of samples, `[start, end)`. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
}

export interface LostStrain {
  /** Hz of the stream, a multiple of the search's rate. */
  readonly inputRate: number;
  /** All there would have been, in samples of the stream since the GPS epoch. */
  readonly stream: Stretch;
  /** What of it did not come, by detector. */
  readonly lost: Readonly<Record<string, readonly Stretch[]>>;
}

/** How far a search looks, as its settings and its model say it. Lengths in seconds. */
export interface SearchReach {
  readonly sampleRate: number;
  readonly psdLength: number;
  readonly fftLength: number;
  readonly filterLength: number;
  readonly psdStride: number;
  /** Samples. */
  readonly strideSize: number;
  readonly memory: number;
  readonly latency: number;
  /** Largest distance of two detectors' peaks, in strides, rounded up. */
  readonly neighbours: number;
}

/** What becomes of each output stride; stride `first` is that at sample `first·strideSize`. */
export interface PredictedStrides {
  readonly first: number;
  /** Whether the model's output can be used. */
  readonly inferred: Uint8Array;
  /** Whether the search has looked there. */
  readonly searched: Uint8Array;
  /** Whether no loss has touched its PSDs either, so that its values are those of an undisturbed run. */
  readonly untouched: Uint8Array;
}

/**
 * Says which strides a search can look at, from nothing but the list of what was lost and the reach of each stage: one
 * flag per sample, and for each stage the samples of the stage before it that all have to be there.
 */
export function predictStrides(strain: LostStrain, reach: SearchReach): PredictedStrides {
  const { sampleRate, strideSize, memory, latency, neighbours } = reach;
  const factor = strain.inputRate / sampleRate;
  const start = Math.ceil(strain.stream.start / factor);
  const end = Math.ceil(strain.stream.end / factor);

  // The resampler's outputs, each from ± half a filter of input, in every detector.
  const half = resamplerReach(strain.inputRate, sampleRate);
  const resampled = new Flags(start, end).fill();
  for (const lost of Object.values(strain.lost)) {
    const input = new Flags(strain.stream.start, strain.stream.end).fill();
    for (const stretch of lost) input.clear(stretch);
    const clean = input.counter();
    for (let t = start; t < end; t++)
      if (!clean(t * factor - half, t * factor + half + 1)) resampled.clear({ start: t, end: t + 1 });
  }

  // Over-whitened by a filter that reaches `filterLength` either way, if its second has a PSD.
  const filterSize = reach.filterLength * sampleRate;
  const cleanStrain = resampled.counter();
  const whitened = new Flags(start, end);
  const fullPsd = new Flags(start, end);
  const psdStride = reach.psdStride * sampleRate;
  for (let t = start; t < end; t++) {
    const { clean, all } = psdSegments(Math.floor(t / psdStride) * psdStride, reach, cleanStrain);
    if (clean === all) fullPsd.set(t);
    if (2 * clean >= all && cleanStrain(t - filterSize, t + filterSize + 1)) whitened.set(t);
  }

  // One stride of output: its own input and the model's memory before it; it stands for `latency` samples earlier.
  const cleanWhitened = whitened.counter();
  const everyPsd = fullPsd.counter();
  const first = Math.ceil(start / strideSize);
  const count = Math.ceil(end / strideSize) - first;
  const needs = (i: number): readonly [number, number] => {
    const at = (first + i) * strideSize + latency;
    return [at - memory, at + strideSize];
  };
  const strides = Array.from({ length: count }, (_, i) => i);
  const inferred = Uint8Array.from(strides, (i) => Number(cleanWhitened(...needs(i))));
  const untouched = Uint8Array.from(strides, (i) => inferred[i]! & Number(everyPsd(...needs(i))));
  // A coincidence may lie across the border to the next stride.
  const searched = Uint8Array.from(strides, (i) => {
    for (let j = i - neighbours; j <= i + neighbours; j++) if (inferred[j] !== 1) return 0;
    return 1;
  });
  return { first, inferred, searched, untouched };
}

/** Segments of the PSD that holds from sample `at` on: how many lie in clean strain, and how many there are. */
function psdSegments(
  at: number,
  { psdLength, fftLength, sampleRate }: SearchReach,
  isClean: (start: number, end: number) => boolean,
): { readonly clean: number; readonly all: number } {
  const size = fftLength * sampleRate;
  const hop = size / 2;
  let clean = 0;
  let all = 0;
  for (
    let segment = Math.ceil((at - psdLength * sampleRate) / hop) * hop;
    segment + size <= at;
    segment += hop
  ) {
    all++;
    if (isClean(segment, segment + size)) clean++;
  }
  return { clean, all };
}

/**
 * Input samples that a resampled one reaches either way: half of Kaiser's length, (A − 7.95)/(14.36·Δf/rate) with A =
 * 90 dB, passing 0.9 of the lower Nyquist frequency, rounded up to whole outputs.
 */
function resamplerReach(inputRate: number, outputRate: number): number {
  if (inputRate === outputRate) return 0;
  const width = (0.1 * outputRate) / 2 / inputRate;
  const factor = inputRate / outputRate;
  return Math.ceil((90 - 7.95) / (14.36 * width) / 2 / factor) * factor;
}

/** One flag per sample of `[start, end)`; not set outside. */
class Flags {
  readonly #start: number;
  readonly #flags: Uint8Array;

  constructor(start: number, end: number) {
    this.#start = start;
    this.#flags = new Uint8Array(end - start);
  }

  fill(): this {
    this.#flags.fill(1);
    return this;
  }

  set(index: number): void {
    this.#flags[index - this.#start] = 1;
  }

  clear({ start, end }: Stretch): void {
    this.#flags.fill(0, Math.max(0, start - this.#start), Math.max(0, end - this.#start));
  }

  /** Tells of any `[start, end)` whether all of it is set. */
  counter(): (start: number, end: number) => boolean {
    const sums = new Uint32Array(this.#flags.length + 1);
    this.#flags.forEach((flag, i) => {
      sums[i + 1] = sums[i]! + flag;
    });
    return (start, end) => {
      const from = start - this.#start;
      const to = end - this.#start;
      return from >= 0 && to < sums.length && sums[to]! - sums[from]! === to - from;
    };
  }
}
