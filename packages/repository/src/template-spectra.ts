import { createRealFft } from "@strainflow/fft";

/**
 * |h̃(f)|² on the grid f = k·sampleRate/(2(bins − 1)), k = 0 … bins − 1, with h̃(f) = dt·Σₙ h[n]·e^(−2πi·f·n·dt).
 * A template longer than the grid's period is folded onto it, which leaves its spectrum at those frequencies as it is.
 */
export function powerSpectrum(template: Float64Array, sampleRate: number, bins: number): Float64Array {
  const size = 2 * (bins - 1);
  const folded = new Float64Array(size);
  for (let n = 0; n < template.length; n++) folded[n % size] = folded[n % size]! + template[n]!;
  const re = new Float64Array(bins);
  const im = new Float64Array(bins);
  createRealFft(size).forward(folded, re, im);
  return re.map((value, k) => (value * value + im[k]! * im[k]!) / (sampleRate * sampleRate));
}
