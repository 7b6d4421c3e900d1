import type { BinaryNumbers } from "./binary.ts";
import { EULER_GAMMA } from "./constants.ts";
import { amplitudePeak, slope } from "./phenom-d-amplitude.ts";
import type { PhenomDCoefficients } from "./phenom-d-coefficients.ts";
import type { Remnant } from "./remnant.ts";

/** Dimensionless frequency Mf below which the inspiral phase holds: Sec. V of arXiv:1508.07253. */
const INSPIRAL_END = 0.018;

/**
 * Phase of IMRPhenomD as a function of Mf, with h̃(f) = A(f) e^{−iφ(f)}: Khan et al., arXiv:1508.07253, Sec. V and
 * Appendix B. The three regions join with equal value and slope; the slope at the amplitude's peak is taken off, so that
 * the merger lies near time 0.
 */
export function phenomDPhase(
  numbers: BinaryNumbers,
  coefficients: PhenomDCoefficients,
  hole: Remnant,
): (mf: number) => number {
  const ringdownStart = hole.ringdown / 2;
  const inspiral = inspiralPhase(numbers, coefficients);
  const intermediate = joined(inspiral, intermediatePhase(numbers.eta, coefficients), INSPIRAL_END);
  const merger = joined(intermediate, mergerPhase(numbers.eta, coefficients, hole), ringdownStart);
  const time = slope(merger, amplitudePeak(coefficients, hole));
  return (mf) =>
    (mf < INSPIRAL_END ? inspiral(mf) : mf < ringdownStart ? intermediate(mf) : merger(mf)) - time * mf;
}

/** `next`, moved by a constant and a slope so that it continues `previous` at `at`, Sec. V C. */
function joined(
  previous: (mf: number) => number,
  next: (mf: number) => number,
  at: number,
): (mf: number) => number {
  const tilt = slope(previous, at) - slope(next, at);
  const offset = previous(at) - next(at) - tilt * at;
  return (mf) => next(mf) + offset + tilt * mf;
}

/** Eq. (28): TaylorF2 to 3.5PN, (B5)-(B13), and four higher orders that were fitted. */
function inspiralPhase(numbers: BinaryNumbers, coefficients: PhenomDCoefficients): (mf: number) => number {
  const { eta, delta, chi1, chi2 } = numbers;
  const { sigma1, sigma2, sigma3, sigma4 } = coefficients;
  const pi = Math.PI;
  const s = (chi1 + chi2) / 2;
  const a = (chi1 - chi2) / 2;
  const eta2 = eta * eta;
  const eta3 = eta2 * eta;
  const p2 = 3715 / 756 + (55 / 9) * eta;
  const p3 = -16 * pi + (113 / 3) * delta * a + (113 / 3 - (76 / 3) * eta) * s;
  const p4 =
    15293365 / 508032 +
    (27145 / 504) * eta +
    (3085 / 72) * eta2 +
    (-405 / 8 + 200 * eta) * a * a -
    (405 / 4) * delta * a * s +
    (-405 / 8 + (5 / 2) * eta) * s * s;
  const p5 =
    (38645 / 756) * pi -
    (65 / 9) * pi * eta +
    delta * (-732985 / 2268 - (140 / 9) * eta) * a +
    (-732985 / 2268 + (24260 / 81) * eta + (340 / 9) * eta2) * s;
  const p6 =
    11583231236531 / 4694215680 -
    (6848 / 21) * EULER_GAMMA -
    (640 / 3) * pi * pi +
    (-15737765635 / 3048192 + (2255 / 12) * pi * pi) * eta +
    (76055 / 1728) * eta2 -
    (127825 / 1296) * eta3 +
    (2270 / 3) * pi * delta * a +
    ((2270 / 3) * pi - 520 * pi * eta) * s;
  const p7 =
    (77096675 / 254016) * pi +
    (378515 / 1512) * pi * eta -
    (74045 / 756) * pi * eta2 +
    delta * (-25150083775 / 3048192 + (26804935 / 6048) * eta - (1985 / 48) * eta2) * a +
    (-25150083775 / 3048192 + (10566655595 / 762048) * eta - (1042165 / 3024) * eta2 + (5345 / 36) * eta3) *
      s;
  return (mf) => {
    const v = Math.cbrt(pi * mf);
    const v2 = v * v;
    const log = Math.log(v);
    const taylor =
      1 +
      v2 *
        (p2 +
          v *
            (p3 +
              v *
                (p4 +
                  v * (p5 * (1 + 3 * log) + v * (p6 - (6848 / 63) * (Math.log(64) + 3 * log) + v * p7)))));
    const w = Math.cbrt(mf);
    const fitted = mf * (sigma1 + w * ((3 / 4) * sigma2 + w * ((3 / 5) * sigma3 + (w * sigma4) / 2)));
    return (3 / (128 * eta)) * taylor * v ** -5 - pi / 4 + fitted / eta;
  };
}

/** Eq. (16). */
function intermediatePhase(
  eta: number,
  { beta1, beta2, beta3 }: PhenomDCoefficients,
): (mf: number) => number {
  return (mf) => (beta1 * mf + beta2 * Math.log(mf) - beta3 / (3 * mf ** 3)) / eta;
}

/** Eq. (14). */
function mergerPhase(
  eta: number,
  { alpha1, alpha2, alpha3, alpha4, alpha5 }: PhenomDCoefficients,
  { ringdown, damping }: Remnant,
): (mf: number) => number {
  return (mf) =>
    (alpha1 * mf -
      alpha2 / mf +
      (4 / 3) * alpha3 * mf ** 0.75 +
      alpha4 * Math.atan((mf - alpha5 * ringdown) / damping)) /
    eta;
}
