import { type Block, type Step, timeSeries } from "@strainflow/series";
import { expect } from "vitest";

export const channels: readonly string[] = ["H1", "L1"];

/** Seeded normal noise. */
function normal(seed: number): () => number {
  let state = seed | 1;
  const uniform = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state / 4294967296 + 0.5;
  };
  return () => Math.sqrt(-2 * Math.log(uniform() + 1e-12)) * Math.cos(2 * Math.PI * uniform());
}

/** Noise whose spectrum falls by two orders of magnitude, of the size of strain. */
export function coloured(size: number, seed: number): Float64Array {
  const draw = normal(seed);
  let a = 0;
  let b = 0;
  return Float64Array.from({ length: size }, () => {
    const white = draw();
    a = 0.9 * a + white;
    b = 0.5 * b + 0.3 * a + white;
    return b * 1e-22;
  });
}

export function series(start: number, data: readonly Float64Array[], sampleRate: number): Block<"strain"> {
  return timeSeries({
    quantity: "strain",
    start,
    sampleRate,
    channels: channels.slice(0, data.length),
    data,
  });
}

export function run(
  step: Step<Block<"strain">, Block<"whitened">>,
  blocks: readonly Block<"strain">[],
): Block[] {
  return [...blocks.flatMap((block) => step.push(block)), ...step.flush()];
}

/** Sample by sample: the values of the channels, or the reason of the gap. */
export function spell(blocks: readonly Block[]): string[] {
  const said: string[] = [];
  for (const block of blocks) {
    if (said.length > 0) expect(block.start).toBe(blocks[0]!.start + said.length);
    for (let n = 0; n < block.size; n++)
      said.push(block.kind === "gap" ? block.reason : block.data.map((values) => values[n]).join(" "));
  }
  return said;
}

export function values(blocks: readonly Block[], channel: number): Float64Array {
  return Float64Array.from(
    blocks.flatMap((block) => (block.kind === "series" ? [...block.data[channel]!] : [])),
  );
}

export function deviation(samples: ArrayLike<number>): number {
  let sum = 0;
  for (let n = 0; n < samples.length; n++) sum += samples[n]! ** 2;
  return Math.sqrt(sum / samples.length);
}
