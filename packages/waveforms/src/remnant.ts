/** The black hole that a merger leaves, in units of the binary's total mass. */
export interface Remnant {
  /** Dimensionless spin. */
  readonly spin: number;
  /** Mass radiated away, as a fraction of the total. */
  readonly radiated: number;
  /** Ringdown frequency of the (2,2,0) mode times the total mass, dimensionless. */
  readonly ringdown: number;
  /** Damping frequency of the (2,2,0) mode times the total mass, dimensionless: 1/(2π τ). */
  readonly damping: number;
}

/**
 * Final state of a binary black hole with aligned spins.
 *
 * Sources: final spin and radiated energy, Husa et al., arXiv:1508.07250, Eqs. (3.6) and (3.8);
 * quasi-normal frequencies as rational fits in the final spin to the tables of Berti et al., arXiv:gr-qc/0512160,
 * with the coefficients of Pratten et al., arXiv:2001.11412 (their supplementary data).
 *
 * @param eta symmetric mass ratio
 * @param delta (m₁ − m₂)/(m₁ + m₂) ≥ 0
 */
export function remnant(eta: number, delta: number, chi1: number, chi2: number): Remnant {
  const m1 = (1 + delta) / 2;
  const m2 = (1 - delta) / 2;
  const totalSpin = m1 * m1 * chi1 + m2 * m2 * chi2;
  const spin = finalSpin(eta, totalSpin);
  const radiated = radiatedEnergy(eta, totalSpin / (m1 * m1 + m2 * m2));
  return {
    spin,
    radiated,
    ringdown: ringdownFrequency(spin) / (1 - radiated),
    damping: dampingFrequency(spin) / (1 - radiated),
  };
}

function finalSpin(eta: number, s: number): number {
  const orbital =
    3.4641016151377544 -
    4.399247300629289 * eta +
    9.397292189321194 * eta ** 2 -
    13.180949901606242 * eta ** 3;
  return (
    eta * orbital +
    s *
      (1 +
        eta *
          (-0.0850917821418767 -
            5.837029316602263 * eta +
            (0.1014665242971878 - 2.0967746996832157 * eta) * s +
            (-1.3546806617824356 + 4.108962025369336 * eta) * s ** 2 +
            (-0.8676969352555539 + 2.064046835273906 * eta) * s ** 3))
  );
}

function radiatedEnergy(eta: number, s: number): number {
  const nonSpinning =
    eta *
    (0.055974469826360077 +
      0.5809510763115132 * eta -
      0.9606726679372312 * eta ** 2 +
      3.352411249771192 * eta ** 3);
  const numerator =
    1 + (-0.0030302335878845507 - 2.0066110851351073 * eta + 7.7050567802399215 * eta ** 2) * s;
  const denominator = 1 + (-0.6714403054720589 - 1.4756929437702908 * eta + 7.304676214885011 * eta ** 2) * s;
  return (nonSpinning * numerator) / denominator;
}

/** Frequency of the (2,2,0) mode times the mass of the hole, at dimensionless spin `a`. */
function ringdownFrequency(a: number): number {
  const numerator = polynomial(
    a,
    [
      0.05947169566573468, -0.14989771215394762, 0.09535606290986028, 0.02260924869042963,
      -0.02501704155363241, -0.005852438240997211, 0.0027489038393367993, 0.0005821983163192694,
    ],
  );
  return (
    numerator /
    polynomial(a, [1, -2.8570126619966296, 2.373335413978394, 0, -0.6036964688511505, 0, 0.0873798215084077])
  );
}

/** Damping frequency of the (2,2,0) mode times the mass of the hole. */
function dampingFrequency(a: number): number {
  const numerator = polynomial(
    a,
    [
      0.014158792290965177, -0.036989395871554566, 0.026822526296575368, 0.0008490933750566702,
      -0.004843996907020524, -0.00014745235759327472, 0.0001504546201236794,
    ],
  );
  return (
    numerator /
    polynomial(
      a,
      [1, -2.5900842798681376, 1.8952576220623967, 0, -0.31416610693042507, 0, 0.009002719412204133],
    )
  );
}

/** Coefficients from the constant term up. */
function polynomial(x: number, coefficients: readonly number[]): number {
  return coefficients.reduceRight((sum, coefficient) => sum * x + coefficient, 0);
}
