import type { Block } from "@strainflow/series";

/** Values and gaps in one line of bytes, whatever the cutting. */
export function outputBytes(blocks: readonly Block[]): Buffer {
  return Buffer.concat(
    blocks.flatMap((block) =>
      block.kind === "gap"
        ? [Buffer.from(`${block.reason} `.repeat(block.size))]
        : block.data.map((data) => Buffer.from(data.buffer, data.byteOffset, data.byteLength)),
    ),
  );
}

/** Where two runs part, in words; nothing where they are the same to the last byte. */
export function firstDifference(one: Buffer, other: Buffer): string | undefined {
  if (one.equals(other)) return undefined;
  const at = one.findIndex((byte, i) => byte !== other[i]);
  return `byte ${at < 0 ? one.length : at} of ${one.length} and ${other.length}`;
}
