import {
  addressAt,
  BrokenStructure,
  leavesOf,
  lengthAt,
  objectMessages,
  openRaw,
  UnknownStructure,
} from "./raw-structure.ts";
import type { Superblock } from "./superblock.ts";

const EXTERNAL_FILES = 0x07;
const DATA_LAYOUT = 0x08;
const CONTIGUOUS = 1;
const CHUNKED = 2;

/** Where a chunk is, by the file's own index. */
export interface ChunkEntry {
  /** Its first sample. */
  readonly first: number;
  /** In the file, after all of the dataset's filters. */
  readonly position: number;
  readonly storedSize: number;
  /** It lies in the file, and went through all filters. */
  readonly sound: boolean;
}

/** Where a dataset's samples are: in one piece, or in chunks. */
export type SamplePlace =
  | { readonly kind: "contiguous"; readonly position: number; readonly storedSize: number }
  | { readonly kind: "chunked"; readonly chunks: readonly ChunkEntry[] };

/**
 * Follows the file's own structures to a dataset's samples.
 *
 * @param rank of the dataset
 * @returns `undefined` where the structure is not followed here: other files hold the samples, or a later kind of index
 * leads to them
 * @throws an `Error` with the reason where the structure is broken
 */
export function locateSamples(superblock: Superblock, path: string, rank: number): SamplePlace | undefined {
  const raw = openRaw(superblock);
  const { base, addressSize, byteSize } = superblock;
  try {
    const messages = objectMessages(raw, path);
    const layout = messages.find(({ type }) => type === DATA_LAYOUT)?.body;
    // Later layouts have indexes with checksums.
    if (layout === undefined || layout[0] !== 3) return undefined;
    if (layout[1] === CONTIGUOUS) {
      if (messages.some(({ type }) => type === EXTERNAL_FILES)) return undefined;
      const position = base + addressAt(raw, layout, 2);
      const storedSize = lengthAt(raw, layout, 2 + addressSize);
      return position + storedSize <= byteSize ? { kind: "contiguous", position, storedSize } : undefined;
    }
    if (layout[1] !== CHUNKED || layout[2] !== rank + 1)
      throw new BrokenStructure("a layout that does not fit its dataset");
    const keySize = 8 + (rank + 1) * 8;
    const chunks = [...leavesOf(raw, addressAt(raw, layout, 3), 1, keySize)].map(({ key, child }) => {
      const storedSize = key.readUInt32LE(0);
      return {
        first: Number(key.readBigUInt64LE(8)),
        position: base + child,
        storedSize,
        sound:
          key.subarray(16, keySize).every((byte) => byte === 0) &&
          key.readUInt32LE(4) === 0 &&
          base + child + storedSize <= byteSize,
      };
    });
    return { kind: "chunked", chunks };
  } catch (error) {
    if (error instanceof UnknownStructure) return undefined;
    throw error;
  } finally {
    raw.close();
  }
}
