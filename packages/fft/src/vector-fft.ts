import { wasm } from "./gen/real-fft-wasm.ts";
import { createKernels, type KernelArray } from "./kernel-memory.ts";
import { factorise, twiddlesOf } from "./mixed-radix.ts";
import type { RealFft } from "./real-fft.ts";
import { rootOfUnity } from "./roots-of-unity.ts";
import type { VectorKernels, VectorPass } from "./vector-kernels.ts";

/** The longest that is planned so: 16 MB. What is longer waits for memory and not for arithmetic. */
const LONGEST = 2 ** 18;
const SIN_72 = Math.sqrt(10 + 2 * Math.sqrt(5)) / 4;
const SIN_144 = Math.sqrt(10 - 2 * Math.sqrt(5)) / 4;

/**
 * A real transform on two numbers at a time, by WebAssembly's vectors: in half the time, and the same bits.
 *
 * @returns nothing where the size has other factors than 2, 3 and 5, or too few twos to go by pairs
 */
export function vectorFft(size: number): RealFft | undefined {
  const half = size / 2;
  const factors = factorise(half);
  if (half % 8 !== 0 || size > LONGEST || factors.some((factor) => factor > 5)) return undefined;
  const bins = half + 1;
  let length = half;
  const stages = factors.map((radix) => {
    const groups = length / radix;
    const stage = { radix, groups, stride: half / length, twiddles: twiddlesOf(radix, groups, length) };
    length = groups;
    return stage;
  });
  const { kernels, arrays } = createKernels<VectorKernels>(wasm, [
    ...[size, half, half, half, half, bins, bins, half, half],
    ...stages.map(({ twiddles }) => twiddles.length),
  ]);
  const [samples, aRe, aIm, bRe, bIm, xRe, xIm, cos, sin, ...twiddles] = arrays as Plan;
  for (const [i, stage] of stages.entries()) twiddles[i]!.values.set(stage.twiddles);
  for (let k = 0; k < half; k++) {
    const { re, im } = rootOfUnity(k, size);
    cos.values[k] = re / 2;
    sin.values[k] = im / 2;
  }
  const passes = stages.map(({ radix, stride }) => passOf(kernels, radix, stride));

  /** All passes, to and fro between the two pairs of arrays; from the first pair to the one that is returned. */
  function transform(re: Pair, im: Pair): readonly [number, number] {
    let [from, to] = [0, 1];
    for (const [i, { groups, stride }] of stages.entries()) {
      passes[i]!(re[from]!, im[from]!, re[to]!, im[to]!, twiddles[i]!.at, groups, stride, SIN_72, SIN_144);
      [from, to] = [to, from];
    }
    return [re[from]!, im[from]!];
  }
  const re: Pair = [aRe.at, bRe.at];
  const im: Pair = [aIm.at, bIm.at];

  return {
    size,
    bins,
    forward(input, outputRe, outputIm) {
      samples.values.set(input.length === size ? input : input.subarray(0, size));
      kernels.split(samples.at, aRe.at, aIm.at, half);
      const [zRe, zIm] = transform(re, im);
      kernels.merge(zRe, zIm, cos.at, sin.at, xRe.at, xIm.at, half);
      outputRe.set(xRe.values);
      outputIm.set(xIm.values);
    },
    inverse(inputRe, inputIm, output) {
      xRe.values.set(inputRe.length === bins ? inputRe : inputRe.subarray(0, bins));
      xIm.values.set(inputIm.length === bins ? inputIm : inputIm.subarray(0, bins));
      kernels.unmerge(xRe.at, xIm.at, cos.at, sin.at, aRe.at, aIm.at, half);
      // Backwards, by exchanging the parts.
      const [zIm, zRe] = transform(im, re);
      kernels.join(zRe, zIm, samples.at, half, 1 / half);
      output.set(samples.values);
    },
  };
}

type Pair = readonly [number, number];
type Plan = [
  samples: KernelArray,
  aRe: KernelArray,
  aIm: KernelArray,
  bRe: KernelArray,
  bIm: KernelArray,
  xRe: KernelArray,
  xIm: KernelArray,
  cos: KernelArray,
  sin: KernelArray,
  ...twiddles: KernelArray[],
];

function passOf(kernels: VectorKernels, radix: number, stride: number): VectorPass {
  if (stride === 1) return kernels.radix4First;
  switch (radix) {
    case 2:
      return kernels.radix2;
    case 3:
      return kernels.radix3;
    case 4:
      return kernels.radix4;
    default:
      return kernels.radix5;
  }
}
