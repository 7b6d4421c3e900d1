/** Addresses of the parts of what is read, of what is written, and of the twiddles; then groups and stride. */
export type VectorPass = (
  xRe: number,
  xIm: number,
  yRe: number,
  yIm: number,
  twiddles: number,
  groups: number,
  stride: number,
  sin72: number,
  sin144: number,
) => void;

/** `assembly/real-fft.ts`, where each is described. All but sizes, scale and sines are addresses. */
export interface VectorKernels {
  readonly radix4First: VectorPass;
  readonly radix2: VectorPass;
  readonly radix3: VectorPass;
  readonly radix4: VectorPass;
  readonly radix5: VectorPass;
  split(input: number, zRe: number, zIm: number, half: number): void;
  join(zRe: number, zIm: number, output: number, half: number, scale: number): void;
  merge(zRe: number, zIm: number, cos: number, sin: number, re: number, im: number, half: number): void;
  unmerge(re: number, im: number, cos: number, sin: number, zRe: number, zIm: number, half: number): void;
}
