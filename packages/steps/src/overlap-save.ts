import { createRealFft, type RealFft } from "@strainflow/fft";

/** Convolution of a stream with a zero-phase filter, block by block. */
export interface OverlapSave {
  /** Where the filter's response is to be sampled. */
  readonly fft: RealFft;
  /**
   * Filters the `blockSize` samples that begin at `input[from + reachSize]`, with `reachSize` samples either side of
   * them, and writes them to `output[at]` and on.
   *
   * @param response real, at the frequencies of `fft`; its impulse response reaches to at most ±reachSize
   */
  filter(input: Float64Array, from: number, response: Float64Array, output: Float32Array, at: number): void;
}

/** Plans blocks of `blockSize` samples under filters that reach to ±`reachSize`. */
export function createOverlapSave(blockSize: number, reachSize: number): OverlapSave {
  const inputSize = blockSize + 2 * reachSize;
  const fft = createRealFft(fastSize(inputSize));
  const segment = new Float64Array(fft.size);
  const re = new Float64Array(fft.bins);
  const im = new Float64Array(fft.bins);
  return {
    fft,
    filter(input, from, response, output, at) {
      for (let n = 0; n < inputSize; n++) segment[n] = input[from + n]!;
      segment.fill(0, inputSize);
      fft.forward(segment, re, im);
      for (let k = 0; k < fft.bins; k++) {
        re[k] = re[k]! * response[k]!;
        im[k] = im[k]! * response[k]!;
      }
      fft.inverse(re, im, segment);
      for (let n = 0; n < blockSize; n++) output[at + n] = segment[reachSize + n]!;
    },
  };
}

/** The least multiple of 16 from `size` on that has no prime factor above 5: what transforms go through in pairs. */
export function fastSize(size: number): number {
  for (let candidate = Math.ceil(size / 16) * 16; ; candidate += 16) {
    let rest = candidate;
    for (const factor of [2, 3, 5]) while (rest % factor === 0) rest /= factor;
    if (rest === 1) return candidate;
  }
}
