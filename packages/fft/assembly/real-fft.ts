/*
 * Real transforms for WebAssembly's vectors, two numbers at a time: operation for operation what `src/butterflies.ts` and
 * `src/real-fft.ts` do, so that both give the same bits. AssemblyScript; addresses are in bytes.
 */
export { join, merge, split, unmerge } from "./real-fft/halves";
export { radix2, radix3, radix4, radix4First, radix5 } from "./real-fft/passes";
