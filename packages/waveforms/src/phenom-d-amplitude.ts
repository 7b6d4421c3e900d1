import type { BinaryNumbers } from "./binary.ts";
import type { PhenomDCoefficients } from "./phenom-d-coefficients.ts";
import type { Remnant } from "./remnant.ts";

/** Dimensionless frequency Mf below which the inspiral amplitude holds: Sec. VI of arXiv:1508.07253. */
const INSPIRAL_END = 0.014;

/**
 * Amplitude of IMRPhenomD over its leading order √(2η/3) π^(−1/6) (Mf)^(−7/6), as a function of Mf:
 * Khan et al., arXiv:1508.07253, Sec. VI and Appendix B.
 */
export function phenomDAmplitude(
  numbers: BinaryNumbers,
  coefficients: PhenomDCoefficients,
  hole: Remnant,
): (mf: number) => number {
  const inspiral = inspiralAmplitude(numbers, coefficients);
  const merger = mergerAmplitude(coefficients, hole);
  const peak = amplitudePeak(coefficients, hole);
  const intermediate = quartic(INSPIRAL_END, peak, inspiral, coefficients.v2, merger);
  return (mf) => (mf < INSPIRAL_END ? inspiral(mf) : mf < peak ? intermediate(mf) : merger(mf));
}

/** Mf at which the merger-ringdown amplitude peaks, Eq. (20). */
export function amplitudePeak({ gamma2, gamma3 }: PhenomDCoefficients, hole: Remnant): number {
  const shift = gamma2 > 1 ? -1 : Math.sqrt(1 - gamma2 * gamma2) - 1;
  return Math.abs(hole.ringdown + (hole.damping * shift * gamma3) / gamma2);
}

/** Eq. (29): the 3PN amplitude (B14)-(B20) and three higher orders that were fitted. */
function inspiralAmplitude(
  numbers: BinaryNumbers,
  { rho1, rho2, rho3 }: PhenomDCoefficients,
): (mf: number) => number {
  const { eta, delta, chi1, chi2 } = numbers;
  const pi = Math.PI;
  const s = (chi1 + chi2) / 2;
  const a = (chi1 - chi2) / 2;
  const eta2 = eta * eta;
  const a2 = -323 / 224 + (451 / 168) * eta;
  const a3 = (27 / 8) * delta * a + (27 / 8 - (11 / 6) * eta) * s;
  const a4 =
    -27312085 / 8128512 -
    (1975055 / 338688) * eta +
    (105271 / 24192) * eta2 +
    (-81 / 32 + 8 * eta) * a * a -
    (81 / 16) * delta * a * s +
    (-81 / 32 + (17 / 8) * eta) * s * s;
  const a5 =
    ((85 * pi) / 64) * (4 * eta - 1) +
    delta * (285197 / 16128 - (1579 / 4032) * eta) * a +
    (285197 / 16128 - (15317 / 672) * eta - (2227 / 1008) * eta2) * s;
  const a6 =
    -177520268561 / 8583708672 +
    (545384828789 / 5007163392 - (205 / 48) * pi * pi) * eta -
    (3248849057 / 178827264) * eta2 +
    (34473079 / 6386688) * eta * eta2 +
    (1614569 / 64512 - (1873643 / 16128) * eta + (2167 / 42) * eta2) * a * a +
    ((31 / 12) * pi - (7 / 3) * pi * eta) * s +
    (1614569 / 64512 - (61391 / 1344) * eta + (57451 / 4032) * eta2) * s * s +
    delta * a * ((31 / 12) * pi + (1614569 / 32256 - (165961 / 2688) * eta) * s);
  return (mf) => {
    const u = Math.cbrt(pi * mf);
    const w = Math.cbrt(mf);
    const u2 = u * u;
    return (
      1 + u2 * (a2 + u * (a3 + u * (a4 + u * (a5 + u * a6)))) + mf * mf * w * (rho1 + w * (rho2 + w * rho3))
    );
  };
}

/** Eq. (19): a Lorentzian times an exponential decay. */
function mergerAmplitude(
  { gamma1, gamma2, gamma3 }: PhenomDCoefficients,
  { ringdown, damping }: Remnant,
): (mf: number) => number {
  const width = gamma3 * damping;
  return (mf) => {
    const x = mf - ringdown;
    return (gamma1 * width * Math.exp((-gamma2 * x) / width)) / (x * x + width * width);
  };
}

/**
 * The fourth-order polynomial through value and slope of `left` at `from`, `middle` half-way, and value and slope of
 * `right` at `to`, Eqs. (21)-(27).
 */
function quartic(
  from: number,
  to: number,
  left: (mf: number) => number,
  middle: number,
  right: (mf: number) => number,
): (mf: number) => number {
  // In t ∈ [−1, 1] the five conditions separate into even and odd parts.
  const half = (to - from) / 2;
  const centre = (to + from) / 2;
  const [v1, v3] = [left(from), right(to)];
  const [d1, d3] = [slope(left, from) * half, slope(right, to) * half];
  const even = (v3 + v1) / 2 - middle;
  const odd = (v3 - v1) / 2;
  const evenSlope = (d3 - d1) / 2;
  const oddSlope = (d3 + d1) / 2;
  const c4 = evenSlope / 2 - even;
  const c2 = even - c4;
  const c3 = (oddSlope - odd) / 2;
  const c1 = odd - c3;
  return (mf) => {
    const t = (mf - centre) / half;
    return middle + t * (c1 + t * (c2 + t * (c3 + t * c4)));
  };
}

/** Central difference of fourth order; the regions join to 1e-10 of their values. */
export function slope(f: (x: number) => number, x: number): number {
  const h = 1e-3 * x;
  return (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h);
}
