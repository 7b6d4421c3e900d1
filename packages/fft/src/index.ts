export { type ComplexFft, createComplexFft } from "./complex-fft.ts";
export { createKernels, type KernelArray } from "./kernel-memory.ts";
export { createRealFft, type RealFft } from "./real-fft.ts";
