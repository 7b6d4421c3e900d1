import { type Block, type Reader, timeSeries } from "@strainflow/series";
import { type ArrowWriterOptions, createArrowWriter } from "./arrow-writer.ts";

export const START: number = 1_126_259_446 * 4096;
export const facts = { quantity: "strain" as const, sampleRate: 4096, channels: ["H1", "L1"] };

export function series(start: number, size: number): Block<"strain"> {
  const noise = (seed: number) =>
    Float64Array.from({ length: size }, (_, i) => Math.sin((start + i) * seed) * 1e-21);
  return timeSeries({ ...facts, start, data: [noise(0.37), noise(0.73)] });
}

export function gap(
  start: number,
  size: number,
  reason: "lost" | "missing" = "missing",
  detail?: string,
): Block<"strain"> {
  return { kind: "gap", ...facts, start, size, reason, ...(detail === undefined ? {} : { detail }) };
}

export async function write(
  path: string,
  blocks: Iterable<Block<"strain">>,
  options: ArrowWriterOptions = {},
): Promise<void> {
  const writer = createArrowWriter<"strain">(path, options);
  for (const block of blocks) await writer.write(block);
  await writer.close();
}

export async function readAll<Q extends string>(reader: Reader<Q>): Promise<Block<Q>[]> {
  const blocks: Block<Q>[] = [];
  for await (const block of reader.blocks({ signal: new AbortController().signal })) blocks.push(block);
  return blocks;
}
