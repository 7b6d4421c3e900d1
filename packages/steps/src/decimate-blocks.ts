import { createRealFft } from "@strainflow/fft";
import { fastSize } from "./overlap-save.ts";

/** Zero-phase decimation, block by block. */
export interface DecimateBlocks {
  /** Input samples before (and after) a block's own that it needs: the filter's reach, rounded up to whole outputs. */
  readonly reachSize: number;
  /** Filters the block whose first output lies at `input[from + reachSize]`, and writes its outputs to `output[at]` on. */
  decimate(input: Float64Array, from: number, output: Float64Array, at: number): void;
}

/**
 * Plans blocks of `blockSize` outputs, every `factor`-th sample of the input under the symmetric `taps`.
 *
 * The spectrum is multiplied by the filter's response and folded onto the lower rate's frequencies, so that the way back
 * is shorter by `factor`: several times as fast as the sum over taps.
 */
export function createDecimateBlocks(taps: Float64Array, factor: number, blockSize: number): DecimateBlocks {
  const half = (taps.length - 1) / 2;
  const reachSize = Math.ceil(half / factor) * factor;
  const inputSize = blockSize * factor + 2 * reachSize;
  const outFft = createRealFft(fastSize(inputSize / factor));
  const inFft = createRealFft(outFft.size * factor);

  const segment = new Float64Array(inFft.size);
  const response = new Float64Array(inFft.bins);
  const re = new Float64Array(inFft.bins);
  const im = new Float64Array(inFft.bins);
  for (let n = -half; n <= half; n++) segment[(n + inFft.size) % inFft.size] = taps[n + half]! / factor;
  inFft.forward(segment, response, im);

  const foldedRe = new Float64Array(outFft.bins);
  const foldedIm = new Float64Array(outFft.bins);
  const outputs = new Float64Array(outFft.size);
  return {
    reachSize,
    decimate(input, from, output, at) {
      for (let n = 0; n < inputSize; n++) segment[n] = input[from + n]!;
      segment.fill(0, inputSize);
      inFft.forward(segment, re, im);
      for (let k = 0; k < outFft.bins; k++) {
        foldedRe[k] = re[k]! * response[k]!;
        foldedIm[k] = im[k]! * response[k]!;
      }
      for (let fold = 1; fold < factor; fold++) {
        for (let k = 0; k < outFft.bins; k++) {
          const up = k + fold * outFft.size;
          if (2 * up <= inFft.size) {
            foldedRe[k] = foldedRe[k]! + re[up]! * response[up]!;
            foldedIm[k] = foldedIm[k]! + im[up]! * response[up]!;
          } else {
            const mirror = inFft.size - up;
            foldedRe[k] = foldedRe[k]! + re[mirror]! * response[mirror]!;
            foldedIm[k] = foldedIm[k]! - im[mirror]! * response[mirror]!;
          }
        }
      }
      outFft.inverse(foldedRe, foldedIm, outputs);
      const first = reachSize / factor;
      for (let n = 0; n < blockSize; n++) output[at + n] = outputs[first + n]!;
    },
  };
}
