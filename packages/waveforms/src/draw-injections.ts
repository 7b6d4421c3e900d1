import { invalidOption, secondsToNs } from "@strainflow/series";
import { type Injection, type NetworkOptions, networkSnr } from "./injection.ts";
import { createRandom, type Random } from "./random.ts";

export interface DrawOptions extends NetworkOptions {
  /** Same seed, same signals. */
  readonly seed: string | number;
  /** How many. */
  readonly count: number;
  /** GPS s between which they arrive. */
  readonly start: number;
  readonly end: number;
  /**
   * Network optimal SNRs, drawn uniformly between the two. Default [12, 25]: loud enough to be found, faint enough to
   * be worth finding.
   */
  readonly snr?: readonly [number, number];
  /**
   * Least optimal SNR in the detector that sees least; sources are drawn again until they reach it. Default 4, below
   * which a search that asks for a coincidence has nothing to find. 0 leaves the sky isotropic.
   */
  readonly leastSnr?: number;
  /** Component masses in M☉ (detector frame), drawn uniformly between the two. Default [20, 50]. */
  readonly mass?: readonly [number, number];
  /** Aligned spins, drawn uniformly between plus and minus this. Default 0. */
  readonly maxSpin?: number;
}

/** A signal with what it is to be found with. */
export interface DrawnInjection extends Injection {
  /** Network optimal SNR. */
  readonly networkSnr: number;
  /** Optimal SNR by detector. */
  readonly snr: Readonly<Record<string, number>>;
}

/** Redraws before an unreachable `leastSnr` is called one. */
const MAX_DRAWS = 1000;

/**
 * Draws signals.
 *
 * The stretch is divided into `count` equal parts and each has one signal in its middle half, so that no two come closer
 * than half a part. Sky positions and orientations are isotropic (but for `leastSnr`), masses and SNR uniform; the
 * distance is what the SNR asks for.
 *
 * @throws `invalid-option`, also when no orientation reaches `leastSnr`
 */
export function drawInjections(options: DrawOptions): readonly DrawnInjection[] {
  const { seed, count, start, end, snr = [12, 25], leastSnr = 4, mass = [20, 50], maxSpin = 0 } = options;
  const where = "drawInjections";
  if (!Number.isInteger(count) || count < 0) throw invalidOption(where, "count", count, "a whole number ≥ 0");
  if (!(end > start)) throw invalidOption(where, "end", end, `after start = ${start}`);
  if (!(snr[0] > 0 && snr[1] >= snr[0]))
    throw invalidOption(where, "snr", snr, "a pair of positive numbers in order");
  if (!(mass[0] > 0 && mass[1] >= mass[0]))
    throw invalidOption(where, "mass", mass, "a pair of masses in order");
  if (!(maxSpin >= 0 && maxSpin <= 1)) throw invalidOption(where, "maxSpin", maxSpin, "between 0 and 1");
  const part = (end - start) / count;
  return Array.from({ length: count }, (_, index) => {
    const random = createRandom(`strainflow injection ${seed}`, index);
    const gpsNs = secondsToNs(start + (index + 0.25 + 0.5 * random.uniform()) * part);
    for (let draw = 0; draw < MAX_DRAWS; draw++) {
      const wanted = between(random, snr);
      const source = drawSource(random, gpsNs, mass, maxSpin);
      const found = networkSnr(source, options);
      const scale = wanted / found.network;
      const byIfo = Object.fromEntries(
        Object.entries(found.byIfo).map(([ifo, value]) => [ifo, value * scale]),
      );
      if (Math.min(...Object.values(byIfo)) < leastSnr) continue;
      return { ...source, distance: source.distance / scale, networkSnr: wanted, snr: byIfo };
    }
    throw invalidOption(where, "leastSnr", leastSnr, `reachable at a network SNR up to ${snr[1]}`);
  });
}

function drawSource(
  random: Random,
  gpsNs: bigint,
  mass: readonly [number, number],
  maxSpin: number,
): Injection {
  const [a, b] = [between(random, mass), between(random, mass)];
  return {
    gpsNs,
    mass1: Math.max(a, b),
    mass2: Math.min(a, b),
    spin1: between(random, [-maxSpin, maxSpin]),
    spin2: between(random, [-maxSpin, maxSpin]),
    distance: 1000,
    rightAscension: between(random, [0, 2 * Math.PI]),
    declination: Math.asin(between(random, [-1, 1])),
    polarization: between(random, [0, Math.PI]),
    inclination: Math.acos(between(random, [-1, 1])),
    phase: between(random, [0, 2 * Math.PI]),
  };
}

function between(random: Random, [low, high]: readonly [number, number]): number {
  return low + (high - low) * random.uniform();
}
