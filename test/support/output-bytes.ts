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
