import type { Pass } from "./butterflies.ts";
import { rootOfUnity } from "./roots-of-unity.ts";

/** A pass of any (small, odd) radix, by the defining sum: radix² multiplications per butterfly. */
export function genericRadix(radix: number): Pass {
  const rootRe = new Float64Array(radix);
  const rootIm = new Float64Array(radix);
  for (let j = 0; j < radix; j++) {
    const root = rootOfUnity(j, radix);
    rootRe[j] = root.re;
    rootIm[j] = root.im;
  }
  return (xRe, xIm, yRe, yIm, twiddles, groups, stride) => {
    const hop = groups * stride;
    for (let p = 0; p < groups; p++) {
      for (let q = 0; q < stride; q++) {
        const a = p * stride + q;
        const y = radix * p * stride + q;
        for (let j = 0; j < radix; j++) {
          let sumRe = xRe[a]!;
          let sumIm = xIm[a]!;
          for (let i = 1, k = j; i < radix; i++) {
            const re = xRe[a + i * hop]!;
            const im = xIm[a + i * hop]!;
            sumRe += re * rootRe[k]! - im * rootIm[k]!;
            sumIm += re * rootIm[k]! + im * rootRe[k]!;
            k += j;
            if (k >= radix) k -= radix;
          }
          if (j === 0) {
            yRe[y] = sumRe;
            yIm[y] = sumIm;
            continue;
          }
          const t = 2 * (p * (radix - 1) + j - 1);
          const wr = twiddles[t]!;
          const wi = twiddles[t + 1]!;
          yRe[y + j * stride] = sumRe * wr - sumIm * wi;
          yIm[y + j * stride] = sumRe * wi + sumIm * wr;
        }
      }
    }
  };
}
