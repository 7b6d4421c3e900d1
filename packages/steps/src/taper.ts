import { invalidOption } from "@strainflow/series";

/**
 * Weights that a stretch is multiplied by before its spectrum is taken.
 *
 * The periodic form is one period of the cosine series, as spectra want it; the symmetric form has equal ends, as
 * filter design and some reference codes use it.
 */
export type TaperName =
  | "hann"
  | "hann-symmetric"
  | "hamming-symmetric"
  | "blackman"
  | "blackman-symmetric"
  | "boxcar";

const COSINES: Readonly<Record<TaperName, readonly number[]>> = {
  hann: [0.5, 0.5],
  "hann-symmetric": [0.5, 0.5],
  "hamming-symmetric": [0.54, 0.46],
  blackman: [0.42, 0.5, 0.08],
  "blackman-symmetric": [0.42, 0.5, 0.08],
  boxcar: [1],
};

/** `size` weights of a named taper: w[n] = Σᵢ aᵢ cos(πi·(2n − period)/period), counted from the middle. */
export function createTaper(name: TaperName, size: number): Float64Array {
  const cosines = COSINES[name];
  if (cosines === undefined)
    throw invalidOption("createTaper", "name", name, `one of ${Object.keys(COSINES).join(", ")}`);
  const period = name.endsWith("-symmetric") ? Math.max(size - 1, 1) : size;
  return Float64Array.from({ length: size }, (_, n) =>
    cosines.reduce((sum, a, i) => sum + a * Math.cos((i * Math.PI * (2 * n - period)) / period), 0),
  );
}
