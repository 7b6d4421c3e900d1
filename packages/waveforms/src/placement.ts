import { invalidOption } from "@strainflow/series";
import { type Binary, chirpMass } from "./binary.ts";
import { drawMasses, type MassRegion } from "./mass-region.ts";
import { match } from "./match.ts";
import { advancedLigoDesign, type PsdModel, samplePsd } from "./psd-models.ts";
import { createWaveform, waveformSize } from "./waveform.ts";

export interface PlacementOptions extends MassRegion {
  /** Templates to place. Default 32. */
  readonly count?: number;
  /** Binaries drawn over the region, which are to be covered and of which the templates are chosen. Default 500. */
  readonly candidates?: number;
  /** Default 1. */
  readonly seed?: string | number;
  /** Default {@link advancedLigoDesign}. */
  readonly psd?: PsdModel;
  /** Hz, where the matches begin. Default 30, as for the templates. */
  readonly lowFrequency?: number;
  /** Hz. Default 1024: above 512 Hz nothing tells these binaries apart. */
  readonly sampleRate?: number;
}

export interface Placement {
  /** In an order in which every beginning of the list covers as much as it can. */
  readonly masses: readonly Binary[];
  /** The least, over the candidates, of the greatest match with a template. */
  readonly minimalMatch: number;
}

/** Binaries whose chirp masses differ by more than this factor are taken not to match at all: saves most of the work. */
const KIN = 1.35;

/** The power of the mismatch whose sum is made small: high, so that the worst covered counts most. */
const SHARPNESS = 16;

/** Rounds of exchanges; two or three settle it. */
const MAX_ROUNDS = 10;

/**
 * Chooses binaries to cover a region of masses as evenly as `count` templates can.
 *
 * The matches between all candidates are computed once; then templates are exchanged for other candidates one at a time
 * as long as Σ (1 − best match)^16 over the candidates falls. It takes the better part of a minute with the defaults:
 * the bank used by default was placed once, so this is for other regions.
 *
 * @throws `invalid-option`
 */
export function placeTemplates(options: PlacementOptions = {}): Placement {
  const { count = 32, candidates = 500 } = options;
  if (!Number.isInteger(count) || count < 1 || count > candidates)
    throw invalidOption(
      "placeTemplates",
      "count",
      count,
      `a whole number from 1 to the ${candidates} candidates`,
    );
  const binaries = drawMasses({ ...options, count: candidates });
  const matches = matchMatrix(binaries, options);
  const chosen = exchange(matches, farthestFirst(matches, count));
  const order = byContribution(matches, chosen);
  const covered = bestMatches(matches, order);
  return {
    masses: order.map((index) => binaries[index]!),
    minimalMatch: covered.reduce((least, value) => Math.min(least, value), 1),
  };
}

function matchMatrix(binaries: readonly Binary[], options: PlacementOptions): readonly Float64Array[] {
  const { psd = advancedLigoDesign, lowFrequency = 30, sampleRate = 1024 } = options;
  const shape = { sampleRate, lowFrequency };
  const size = binaries.reduce((most, binary) => Math.max(most, waveformSize({ ...binary, ...shape })), 2);
  const weighting = {
    psd: samplePsd(psd, { bins: size / 2 + 1, frequencyStep: sampleRate / size }),
    lowFrequency,
  };
  const signals = binaries.map((binary) => createWaveform({ ...binary, ...shape, size }));
  const chirps = binaries.map(({ mass1, mass2 }) => chirpMass(mass1, mass2));
  const matrix = binaries.map(() => new Float64Array(binaries.length));
  for (let i = 0; i < binaries.length; i++) {
    matrix[i]![i] = 1;
    for (let j = 0; j < i; j++) {
      const ratio = chirps[i]! / chirps[j]!;
      if (ratio > KIN || ratio < 1 / KIN) continue;
      const value = match(signals[i]!, signals[j]!, weighting).match;
      matrix[i]![j] = value;
      matrix[j]![i] = value;
    }
  }
  return matrix;
}

/** For each candidate, its greatest match with any of the `chosen`. */
function bestMatches(matches: readonly Float64Array[], chosen: readonly number[]): Float64Array {
  const best = new Float64Array(matches.length);
  for (const index of chosen) raise(best, matches[index]!);
  return best;
}

function raise(best: Float64Array, row: Float64Array): void {
  for (let u = 0; u < best.length; u++) best[u] = Math.max(best[u]!, row[u]!);
}

/** What is left uncovered when `row` is added to `best`. */
function cost(best: Float64Array, row: Float64Array): number {
  let sum = 0;
  for (let u = 0; u < best.length; u++) sum += (1 - Math.max(best[u]!, row[u]!)) ** SHARPNESS;
  return sum;
}

/** A start: each next template is the candidate that those before match worst (Gonzalez 1985). */
function farthestFirst(matches: readonly Float64Array[], count: number): number[] {
  const best = new Float64Array(matches.length);
  const chosen: number[] = [];
  while (chosen.length < count) {
    const next = best.indexOf(best.reduce((least, value) => Math.min(least, value)));
    chosen.push(next);
    raise(best, matches[next]!);
  }
  return chosen;
}

function exchange(matches: readonly Float64Array[], start: readonly number[]): readonly number[] {
  const chosen = [...start];
  for (let round = 0; round < MAX_ROUNDS; round++) {
    let changed = false;
    for (let k = 0; k < chosen.length; k++) {
      const others = bestMatches(matches, chosen.toSpliced(k, 1));
      const better = cheapest(matches, others, chosen[k]!);
      changed ||= better !== chosen[k];
      chosen[k] = better;
    }
    if (!changed) break;
  }
  return chosen;
}

/** The candidate that covers most of what `best` leaves; `current` if none does better. */
function cheapest(matches: readonly Float64Array[], best: Float64Array, current: number): number {
  let choice = current;
  let least = cost(best, matches[current]!) * (1 - 1e-9);
  matches.forEach((row, index) => {
    const value = cost(best, row);
    if (value >= least) return;
    least = value;
    choice = index;
  });
  return choice;
}

/** First the template that alone leaves least uncovered, then the one that does so beside it, and so on. */
function byContribution(matches: readonly Float64Array[], chosen: readonly number[]): readonly number[] {
  const rest = new Set(chosen);
  const best = new Float64Array(matches.length);
  const order: number[] = [];
  while (rest.size > 0) {
    // A plain sum here: a short bank should be good for most signals, not least bad for the worst.
    const gain = (index: number): number =>
      matches[index]!.reduce((sum, value, u) => sum + Math.max(0, value - best[u]!), 0);
    const next = [...rest].reduce((a, b) => (gain(b) > gain(a) ? b : a));
    rest.delete(next);
    order.push(next);
    raise(best, matches[next]!);
  }
  return order;
}
