import { type Pass, radix2, radix3, radix4, radix5 } from "./butterflies.ts";
import { genericRadix } from "./generic-butterfly.ts";
import { rootOfUnity } from "./roots-of-unity.ts";
import { splitArrays } from "./split-arrays.ts";
import type { Transform } from "./transform.ts";

/** The largest prime that a pass by the defining sum is still faster for than Bluestein's three transforms. */
export const LARGEST_RADIX = 31;

interface Stage {
  readonly pass: Pass;
  readonly twiddles: Float64Array;
  readonly groups: number;
  readonly stride: number;
}

/** Prime factors of `size`, but fours in place of pairs of twos; in the order in which the passes run. */
export function factorise(size: number): number[] {
  const factors: number[] = [];
  let rest = size;
  const take = (factor: number): void => {
    while (rest % factor === 0) {
      factors.push(factor);
      rest /= factor;
    }
  };
  take(4);
  take(2);
  for (let factor = 3; factor * factor <= rest; factor += 2) take(factor);
  if (rest > 1) factors.push(rest);
  return factors;
}

/** A transform whose length has no prime factor above {@link LARGEST_RADIX}. */
export function mixedRadix(size: number, factors: readonly number[]): Transform {
  const stages: Stage[] = [];
  let length = size;
  let stride = 1;
  for (const radix of factors) {
    const groups = length / radix;
    stages.push({ pass: passOf(radix), twiddles: twiddlesOf(radix, groups, length), groups, stride });
    length = groups;
    stride *= radix;
  }
  const { re: scratchRe, im: scratchIm } = splitArrays(size, 1);

  return (xRe, xIm, yRe, yIm) => {
    let fromRe = xRe;
    let fromIm = xIm;
    // The last pass must write to the output, so with an odd number of passes the first does as well.
    let toOutput = stages.length % 2 === 1;
    if (stages.length === 0 || (toOutput && shareMemory(xRe, xIm, yRe, yIm))) {
      scratchRe.set(xRe);
      scratchIm.set(xIm);
      fromRe = scratchRe;
      fromIm = scratchIm;
    }
    for (const { pass, twiddles, groups, stride: by } of stages) {
      const toRe = toOutput ? yRe : scratchRe;
      const toIm = toOutput ? yIm : scratchIm;
      pass(fromRe, fromIm, toRe, toIm, twiddles, groups, by);
      fromRe = toRe;
      fromIm = toIm;
      toOutput = !toOutput;
    }
    if (stages.length === 0) {
      yRe.set(scratchRe);
      yIm.set(scratchIm);
    }
  };
}

/** Views of one buffer may overlap; a needless copy does no harm. */
function shareMemory(xRe: Float64Array, xIm: Float64Array, yRe: Float64Array, yIm: Float64Array): boolean {
  return (
    xRe.buffer === yRe.buffer ||
    xRe.buffer === yIm.buffer ||
    xIm.buffer === yRe.buffer ||
    xIm.buffer === yIm.buffer
  );
}

function passOf(radix: number): Pass {
  switch (radix) {
    case 2:
      return radix2;
    case 3:
      return radix3;
    case 4:
      return radix4;
    case 5:
      return radix5;
    default:
      return genericRadix(radix);
  }
}

/** Those of one pass: w^(p·j), group after group, for j from 1. */
export function twiddlesOf(radix: number, groups: number, length: number): Float64Array {
  const twiddles = new Float64Array(2 * (radix - 1) * groups);
  let t = 0;
  for (let p = 0; p < groups; p++) {
    for (let j = 1; j < radix; j++) {
      const { re, im } = rootOfUnity(p * j, length);
      twiddles[t++] = re;
      twiddles[t++] = im;
    }
  }
  return twiddles;
}
