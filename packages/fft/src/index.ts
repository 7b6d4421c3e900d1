export { type ComplexFft, createComplexFft } from "./complex-fft.ts";
export { createRealFft, type RealFft } from "./real-fft.ts";
