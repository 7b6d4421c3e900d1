import { invalidOption } from "@strainflow/series";
import { SOLAR_MASS_SECONDS } from "./constants.ts";

/** The intrinsic parameters of a binary black hole with spins along the orbital angular momentum. */
export interface Binary {
  /** Detector-frame (redshifted) mass of the heavier body, in solar masses. */
  readonly mass1: number;
  /** Detector-frame mass of the lighter body, in solar masses. */
  readonly mass2: number;
  /** Dimensionless spin of body 1 along the orbital angular momentum, −1 to 1. Default 0. */
  readonly spin1?: number;
  /** Dimensionless spin of body 2. Default 0. */
  readonly spin2?: number;
}

/** What the formulas are written in. */
export interface BinaryNumbers {
  /** Total mass in seconds, G(m₁+m₂)/c³. */
  readonly massSeconds: number;
  /** Symmetric mass ratio m₁m₂/(m₁+m₂)². */
  readonly eta: number;
  /** (m₁ − m₂)/(m₁ + m₂) ≥ 0. */
  readonly delta: number;
  /** Spin of the heavier body. */
  readonly chi1: number;
  /** Spin of the lighter body. */
  readonly chi2: number;
}

/**
 * Checks a binary and puts its heavier body first.
 *
 * @throws `invalid-option` if a mass is not positive, the ratio is beyond 20, or a spin beyond ±1
 */
export function binaryNumbers(where: string, binary: Binary): BinaryNumbers {
  const { mass1, mass2, spin1 = 0, spin2 = 0 } = binary;
  if (!(mass1 > 0) || !Number.isFinite(mass1))
    throw invalidOption(where, "mass1", mass1, "a positive number of solar masses");
  if (!(mass2 > 0) || !Number.isFinite(mass2))
    throw invalidOption(where, "mass2", mass2, "a positive number of solar masses");
  if (!(Math.abs(spin1) <= 1)) throw invalidOption(where, "spin1", spin1, "between -1 and 1");
  if (!(Math.abs(spin2) <= 1)) throw invalidOption(where, "spin2", spin2, "between -1 and 1");
  const heavier = Math.max(mass1, mass2);
  const lighter = Math.min(mass1, mass2);
  if (heavier > 20 * lighter)
    throw invalidOption(
      where,
      "mass1/mass2",
      heavier / lighter,
      "at most 20, where the model was calibrated",
    );
  const total = heavier + lighter;
  const swap = mass2 > mass1;
  return {
    massSeconds: total * SOLAR_MASS_SECONDS,
    eta: Math.min(0.25, (heavier * lighter) / (total * total)),
    delta: (heavier - lighter) / total,
    chi1: swap ? spin2 : spin1,
    chi2: swap ? spin1 : spin2,
  };
}

/** Chirp mass (m₁m₂)^(3/5)/(m₁+m₂)^(1/5), in the unit of the masses. */
export function chirpMass(mass1: number, mass2: number): number {
  return (mass1 * mass2) ** 0.6 / (mass1 + mass2) ** 0.2;
}

/**
 * Seconds from a gravitational-wave frequency (Hz) to coalescence, to 2PN order without spins:
 * how long a template must be to begin at that frequency.
 *
 * Source: Allen et al., "FINDCHIRP", arXiv:gr-qc/0509116, Eq. (3.4).
 */
export function chirpTime(binary: Binary, frequency: number): number {
  const { massSeconds, eta } = binaryNumbers("chirpTime", binary);
  if (!(frequency > 0)) throw invalidOption("chirpTime", "frequency", frequency, "a positive number of Hz");
  const v = Math.cbrt(Math.PI * massSeconds * frequency);
  const series =
    v ** -8 +
    (743 / 252 + (11 / 3) * eta) * v ** -6 -
    ((32 * Math.PI) / 5) * v ** -5 +
    (3058673 / 508032 + (5429 / 504) * eta + (617 / 72) * eta * eta) * v ** -4;
  return ((5 * massSeconds) / (256 * eta)) * series;
}
