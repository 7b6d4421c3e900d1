import { invalidOption } from "@strainflow/series";
import { type Binary, binaryNumbers } from "./binary.ts";
import { MEGAPARSEC_SECONDS } from "./constants.ts";
import { phenomDAmplitude } from "./phenom-d-amplitude.ts";
import { phenomDCoefficients } from "./phenom-d-coefficients.ts";
import { phenomDPhase } from "./phenom-d-phase.ts";
import { type Remnant, remnant } from "./remnant.ts";

/** Mf from which on the model gives zero: Sec. VII of arXiv:1508.07253. */
const CUT = 0.2;

/** A frequency-domain model of the dominant mode, seen face-on. */
export interface FrequencyDomainModel {
  /** |h̃₊(f)| in strain/Hz, for f in Hz; 0 from `cutFrequency` on. */
  readonly amplitude: (frequency: number) => number;
  /** φ(f) in rad, of h̃₊ = A e^{−iφ} with the transform ∫h(t) e^{−2πift} dt. The merger lies near t = 0. */
  readonly phase: (frequency: number) => number;
  /** Hz. */
  readonly cutFrequency: number;
  readonly remnant: Remnant;
}

/**
 * IMRPhenomD: inspiral, merger and ringdown of a binary black hole with aligned spins, its (2,2) mode.
 *
 * Sources: Husa et al., arXiv:1508.07250; Khan et al., arXiv:1508.07253. It was calibrated for mass ratios up to 18.
 * h₊ is given for a face-on binary; h× is h₊ turned by 90°, h̃× = −i h̃₊ (a cosine becomes a sine).
 *
 * @param options.distance luminosity distance in Mpc. Default 1, the usual reference
 * @throws `invalid-option`
 */
export function createPhenomD(options: Binary & { readonly distance?: number }): FrequencyDomainModel {
  const numbers = binaryNumbers("createPhenomD", options);
  const distance = options.distance ?? 1;
  if (!(distance > 0)) throw invalidOption("createPhenomD", "distance", distance, "a positive number of Mpc");
  const { massSeconds, eta, delta, chi1, chi2 } = numbers;
  const chi = ((chi1 + chi2) / 2) * (1 - (76 * eta) / 113) + (delta * (chi1 - chi2)) / 2;
  const coefficients = phenomDCoefficients(eta, chi);
  const hole = remnant(eta, delta, chi1, chi2);
  const relative = phenomDAmplitude(numbers, coefficients, hole);
  const phase = phenomDPhase(numbers, coefficients, hole);
  // Leading order, Eq. (17), times 2·√(5/(64π)) of the (2,±2) spherical harmonic face-on.
  const scale =
    (Math.sqrt((2 * eta) / 3) * Math.PI ** (-1 / 6) * Math.sqrt(5 / (16 * Math.PI)) * massSeconds ** 2) /
    (distance * MEGAPARSEC_SECONDS);
  return {
    amplitude: (frequency) => {
      const mf = massSeconds * frequency;
      return mf > 0 && mf < CUT ? scale * mf ** (-7 / 6) * relative(mf) : 0;
    },
    phase: (frequency) => phase(massSeconds * frequency),
    cutFrequency: CUT / massSeconds,
    remnant: hole,
  };
}
