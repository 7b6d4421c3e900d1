import { invalidOption } from "@strainflow/series";
import { type Binary, chirpTime } from "./binary.ts";
import { createRandom } from "./random.ts";

/** A region of component masses, without spin. */
export interface MassRegion {
  /** Least total mass, detector frame, M☉. Default 38. */
  readonly minMass?: number;
  /** Greatest total mass, M☉. Default 100. */
  readonly maxMass?: number;
  /** Greatest mass ratio. Default 3. */
  readonly maxRatio?: number;
  /** Seconds: binaries that take longer from 30 Hz to merger are left out. Default 0.8, what a template of 1 s holds whole. */
  readonly longest?: number;
}

/**
 * Draws binaries from a region: the inverse of the total mass and the mass ratio uniform, since lighter binaries differ
 * from each other sooner.
 *
 * @throws `invalid-option`
 */
export function drawMasses(
  options: MassRegion & { readonly count: number; readonly seed?: string | number },
): readonly Binary[] {
  const { minMass = 38, maxMass = 100, maxRatio = 3, longest = 0.8, count, seed = 1 } = options;
  const where = "drawMasses";
  if (!(minMass > 0)) throw invalidOption(where, "minMass", minMass, "a positive number of solar masses");
  if (!(maxMass > minMass)) throw invalidOption(where, "maxMass", maxMass, `above minMass = ${minMass}`);
  if (!(maxRatio >= 1)) throw invalidOption(where, "maxRatio", maxRatio, "at least 1");
  if (!(chirpTime({ mass1: maxMass / 2, mass2: maxMass / 2 }, 30) < longest))
    throw invalidOption(
      where,
      "longest",
      longest,
      `long enough for some binary of ${maxMass} solar masses, in s`,
    );
  const random = createRandom(`strainflow masses ${seed}`);
  const drawn: Binary[] = [];
  while (drawn.length < count) {
    const total = 1 / (1 / maxMass + (1 / minMass - 1 / maxMass) * random.uniform());
    const ratio = 1 + (maxRatio - 1) * random.uniform();
    const binary = { mass1: (total * ratio) / (1 + ratio), mass2: total / (1 + ratio) };
    if (chirpTime(binary, 30) <= longest) drawn.push(binary);
  }
  return drawn;
}
