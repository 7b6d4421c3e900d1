/** Numbers from 0 to 1, always the same for a seed. */
export type Random = () => number;

/** Mulberry32: 32 bits of state are plenty for noise in a picture. */
export function random(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function gaussian(next: Random): number {
  return Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}

/**
 * A whitened merger: the inspiral of the lowest post-Newtonian order, then a ring-down, its squares' sum `snr`².
 *
 * @param peak seconds from the first sample to the merger
 * @param totalMass solar masses; equal components
 */
export function chirp(
  rate: number,
  peak: number,
  length: number,
  totalMass: number,
  snr: number,
): Float32Array {
  const mass = totalMass * 4.925491e-6 * 0.25 ** 0.6;
  const ring = 0.09 / (totalMass * 4.925491e-6);
  const values = new Float32Array(Math.round(rate * length));
  let phase = 0;
  for (let i = 0; i < values.length; i++) {
    const before = peak - i / rate;
    const inspiral = (5 / (256 * Math.max(before, 1e-4))) ** 0.375 / (mass ** 0.625 * Math.PI);
    const frequency = Math.min(inspiral, ring);
    phase += (2 * Math.PI * frequency) / rate;
    const amplitude =
      before > 0 ? Math.min(frequency, ring) ** 0.4 : ring ** 0.4 * Math.exp(before / (11e-5 * totalMass));
    values[i] = amplitude * Math.exp(-((30 / frequency) ** 4)) * Math.cos(phase);
  }
  const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return values.map((value) => (value * snr) / norm);
}
