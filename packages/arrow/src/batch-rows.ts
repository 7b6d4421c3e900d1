import { type Block, endOf, sliceBlock } from "@strainflow/series";
import { MAX_NULLS_SIZE } from "./encode-batch.ts";

/** Rows of one batch, so that its metadata stay small. */
export const MAX_ROWS = 1024;
/** Bytes of one row, so that a batch stays far below what readers allow. */
const MAX_ROW_BYTES = 64 * 1024 * 1024;

/** Removes from the front of `pending` what goes into the next batch: one row, or more while they fit. */
export function takeRows(pending: Block[], batchSize: number): Block[] {
  let size = 0;
  let count = 0;
  for (const block of pending) {
    if (count === MAX_ROWS || (count > 0 && size + rowCost(block) > batchSize)) break;
    size += rowCost(block);
    count++;
  }
  return pending.splice(0, count);
}

/** Samples that a block takes in a batch. */
export function rowCost(block: Block): number {
  return block.kind === "gap" && block.size > MAX_NULLS_SIZE ? 0 : block.size;
}

/** The block in pieces that are not too large for a row each. */
export function cutRows(block: Block): Block[] {
  const maxSize = Math.max(1, Math.floor(MAX_ROW_BYTES / (8 * block.channels.length)));
  if (block.kind === "gap" || block.size <= maxSize) return [block];
  return Array.from({ length: Math.ceil(block.size / maxSize) }, (_, i) =>
    sliceBlock(block, block.start + i * maxSize, Math.min(endOf(block), block.start + (i + 1) * maxSize)),
  );
}
