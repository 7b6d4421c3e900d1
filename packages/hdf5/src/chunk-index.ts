import type { Metadata } from "h5wasm/node";
import type { BadStretch } from "./facts.ts";
import {
  addressAt,
  BrokenStructure,
  leavesOf,
  objectMessages,
  openRaw,
  UnknownStructure,
} from "./raw-structure.ts";
import type { Superblock } from "./superblock.ts";

const DATA_LAYOUT = 0x08;
const CHUNKED = 2;

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
  const raw = openRaw(superblock);
  try {
    const layout = objectMessages(raw, path).find(({ type }) => type === DATA_LAYOUT)?.body;
    // Later layouts have indexes with checksums.
    if (layout === undefined || layout[0] !== 3) return undefined;
    if (layout[1] !== CHUNKED || layout[2] !== rank + 1)
      throw new BrokenStructure("a layout that does not fit its dataset");
    const index = addressAt(raw, layout, 3);
    const chunks = [...leavesOf(raw, index, 1, 8 + (rank + 1) * 8)].map(({ key, child }) => ({
      first: Number(key.readBigUInt64LE(8)),
      sound:
        key.subarray(16, 8 + (rank + 1) * 8).every((byte) => byte === 0) &&
        key.readUInt32LE(4) === 0 &&
        superblock.base + child + key.readUInt32LE(0) <= superblock.byteSize &&
        (filtered || key.readUInt32LE(0) === chunkSize * width * metadata.size),
    }));
    return compare(chunks, size, chunkSize);
  } catch (error) {
    if (error instanceof UnknownStructure) return undefined;
    throw error;
  } finally {
    raw.close();
  }
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
