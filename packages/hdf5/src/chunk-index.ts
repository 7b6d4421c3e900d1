import type { Metadata } from "h5wasm/node";
import type { BadStretch } from "./facts.ts";
import { BrokenStructure } from "./raw-structure.ts";
import { locateSamples } from "./sample-place.ts";
import type { Superblock } from "./superblock.ts";

/** What the file's own index says of a dataset's chunks. */
export interface ChunkIndex {
  /** Chunks that are not there, or not as the dataset's filters would have left them. */
  readonly bad: readonly BadStretch[];
  /** Samples for which there is a sound chunk. */
  readonly stored: number;
}

/**
 * Checks that every chunk of a dataset is in the file, and went through all of its filters. The dataset has one dimension,
 * or two of which chunks hold the second whole.
 *
 * @returns `undefined` where the structure is of a kind with checksums, or not followed here
 * @throws an `Error` with the reason where the structure is broken
 */
export function checkChunks(
  superblock: Superblock,
  path: string,
  metadata: Metadata,
  filtered: boolean,
): ChunkIndex | undefined {
  const size = metadata.shape?.[0] ?? 0;
  const chunkSize = metadata.chunks?.[0] ?? 0;
  const rank = metadata.shape?.length ?? 0;
  const width = metadata.chunks?.[1] ?? 1;
  if (chunkSize === 0 || rank > 2 || width < (metadata.shape?.[1] ?? 1)) return undefined;
  const place = locateSamples(superblock, path, rank);
  if (place === undefined) return undefined;
  if (place.kind !== "chunked") throw new BrokenStructure("a layout that does not fit its dataset");
  const plain = chunkSize * width * metadata.size;
  return compare(
    place.chunks.map(({ first, sound, storedSize }) => ({
      first,
      sound: sound && (filtered || storedSize === plain),
    })),
    size,
    chunkSize,
  );
}

function compare(
  chunks: readonly { readonly first: number; readonly sound: boolean }[],
  size: number,
  chunkSize: number,
): ChunkIndex {
  const bad: BadStretch[] = [];
  const mark = (from: number, to: number, reason: string): void => {
    if (from < to) bad.push({ from, to, chunk: Math.floor(from / chunkSize), reason });
  };
  let due = 0;
  let stored = 0;
  for (const { first, sound } of chunks) {
    if (first % chunkSize !== 0 || first < due) throw new BrokenStructure("its chunk index is out of order");
    mark(due, Math.min(first, size), "is not in the file");
    const end = Math.min(first + chunkSize, size);
    if (sound) stored += Math.max(0, end - first);
    else mark(first, end, "has a broken entry in the file's index");
    due = first + chunkSize;
  }
  mark(due, size, "is not in the file");
  return { bad, stored };
}
