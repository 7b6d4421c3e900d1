/**
 * Random numbers that depend on their key alone.
 *
 * The key (a text and a whole number) is hashed to the 128-bit state of xoshiro128** 1.1
 * (Blackman and Vigna, arXiv:1805.01407); different keys give independent streams.
 */
export interface Random {
  /** Uniform in [0, 1), with 53 random bits. */
  uniform(): number;
  /** Fills an array with independent normal deviates of mean 0 and variance 1. */
  fillGaussian(output: Float64Array): void;
}

export function createRandom(key: string, counter = 0): Random {
  let [a, b, c, d] = seedState(key, counter);
  const next = (): number => {
    const scaled = Math.imul(b, 5);
    const result = Math.imul((scaled << 7) | (scaled >>> 25), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = (d << 11) | (d >>> 21);
    return result;
  };
  const uniform = (): number => ((next() >>> 5) * 67_108_864 + (next() >>> 6)) / 9_007_199_254_740_992;
  return {
    uniform,
    fillGaussian(output) {
      // Box-Muller in pairs: exact, and no rejection, so that every value has a fixed place in the stream.
      for (let n = 0; n < output.length; n += 2) {
        const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
        const angle = 2 * Math.PI * uniform();
        output[n] = radius * Math.cos(angle);
        if (n + 1 < output.length) output[n + 1] = radius * Math.sin(angle);
      }
    },
  };
}

/** Four words from a text and a number: a sum of multiplied and rotated words, then avalanched and mixed crosswise. */
function seedState(key: string, counter: number): [number, number, number, number] {
  const state: [number, number, number, number] = [0x9e3779b9, 0x243f6a88, 0xb7e15162, 0x71374491];
  const words = [
    ...new TextEncoder().encode(key),
    256,
    counter >>> 0,
    Math.floor(counter / 4_294_967_296) | 0,
  ];
  for (const word of words)
    for (let lane = 0; lane < 4; lane++)
      state[lane] = avalanche(Math.imul(state[lane]! ^ word, MULTIPLIERS[lane]!) + lane);
  for (let round = 0; round < 2; round++)
    for (let lane = 0; lane < 4; lane++) state[lane] = avalanche(state[lane]! ^ state[(lane + 1) % 4]!);
  // The generator would stay at 0 for ever.
  if ((state[0] | state[1] | state[2] | state[3]) === 0) state[0] = 1;
  return state;
}

const MULTIPLIERS = [0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f, 0x165667b1] as const;

/** Spreads every bit over the word (the finaliser of MurmurHash3). */
function avalanche(word: number): number {
  let x = word ^ (word >>> 16);
  x = Math.imul(x, 0x85ebca6b);
  x ^= x >>> 13;
  x = Math.imul(x, 0xc2b2ae35);
  return x ^ (x >>> 16);
}
