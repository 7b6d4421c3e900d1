import { factorise, mixedRadix } from "./mixed-radix.ts";
import { rootOfUnity } from "./roots-of-unity.ts";
import type { Transform } from "./transform.ts";

/**
 * A transform of any length, as a convolution with a chirp: kn = (k² + n² − (k − n)²)/2.
 *
 * L. Bluestein, IEEE Trans. Audio Electroacoust. 18 (1970) 451. Three transforms of the next power of two ≥ 2·size − 1,
 * one of them done here once and for all.
 */
export function bluestein(size: number): Transform {
  let padded = 1;
  while (padded < 2 * size - 1) padded *= 2;
  const transform = mixedRadix(padded, factorise(padded));

  const chirpRe = new Float64Array(size);
  const chirpIm = new Float64Array(size);
  // n² mod 2·size, counted up by odd numbers, so that it stays exact.
  for (let n = 0, square = 0; n < size; square = (square + 2 * n + 1) % (2 * size), n++) {
    const { re, im } = rootOfUnity(square, 2 * size);
    chirpRe[n] = re;
    chirpIm[n] = im;
  }
  const kernelRe = new Float64Array(padded);
  const kernelIm = new Float64Array(padded);
  for (let n = 0; n < size; n++) {
    const mirror = (padded - n) % padded;
    kernelRe[n] = kernelRe[mirror] = chirpRe[n]! / padded;
    kernelIm[n] = kernelIm[mirror] = -chirpIm[n]! / padded;
  }
  transform(kernelRe, kernelIm, kernelRe, kernelIm);

  const re = new Float64Array(padded);
  const im = new Float64Array(padded);
  return (xRe, xIm, yRe, yIm) => {
    for (let n = 0; n < size; n++) {
      re[n] = xRe[n]! * chirpRe[n]! - xIm[n]! * chirpIm[n]!;
      im[n] = xRe[n]! * chirpIm[n]! + xIm[n]! * chirpRe[n]!;
    }
    re.fill(0, size);
    im.fill(0, size);
    transform(re, im, re, im);
    for (let k = 0; k < padded; k++) {
      const r = re[k]! * kernelRe[k]! - im[k]! * kernelIm[k]!;
      im[k] = re[k]! * kernelIm[k]! + im[k]! * kernelRe[k]!;
      re[k] = r;
    }
    // Backwards, by exchanging the parts.
    transform(im, re, im, re);
    for (let k = 0; k < size; k++) {
      yRe[k] = re[k]! * chirpRe[k]! - im[k]! * chirpIm[k]!;
      yIm[k] = re[k]! * chirpIm[k]! + im[k]! * chirpRe[k]!;
    }
  };
}
