import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { SampleArray } from "@strainflow/series";
import { type Filter, filterOf, undone } from "./filters.ts";
import { attempt, type OpenFile } from "./open-file.ts";
import { type ChunkEntry, locateSamples, type SamplePlace } from "./sample-place.ts";

/*
 * Samples right from the file, without the HDF5 library. Its engine copies every byte through its own memory, and inflates
 * in WebAssembly; Node's zlib does it in half the time or less. Taken only where the way to the samples is fully
 * understood and all is in order: anything else is the library's business, and what it says of it.
 */

/** How a dataset's samples are stored, as far as reading them is concerned. */
export interface DirectLayout {
  readonly place: SamplePlace;
  /** Samples per chunk; 0 if in one piece. */
  readonly chunkSize: number;
  /** Bytes per sample. */
  readonly width: 4 | 8;
  /** In the order in which they were applied. */
  readonly filters: readonly Filter[];
  /** Chunks by their number. */
  readonly chunks: ReadonlyMap<number, ChunkEntry>;
}

/** How to read a one-dimensional dataset of floats, or `undefined` where only the library knows. */
export function directLayout(open: OpenFile, dataset: string): DirectLayout | undefined {
  const { metadata, filters } = attempt(open, dataset, (h5) => {
    const found = new h5.Dataset(open.file.file_id, dataset);
    return { metadata: found.metadata, filters: found.filters };
  });
  const width = metadata.size;
  const known = filters.map(({ id, cd_values }) => filterOf(id, cd_values[0], width));
  if ((width !== 4 && width !== 8) || !known.every((filter) => filter !== undefined)) return undefined;
  const place = soundPlace(open, dataset);
  const chunkSize = metadata.chunks?.[0] ?? 0;
  if (place === undefined || (place.kind === "chunked") !== chunkSize > 0) return undefined;
  const entries = place.kind === "chunked" ? place.chunks : [];
  const chunks = new Map(entries.map((chunk) => [chunk.first / chunkSize, chunk]));
  return { place, chunkSize, width, filters: known, chunks };
}

function soundPlace({ superblock }: OpenFile, dataset: string): SamplePlace | undefined {
  try {
    return locateSamples(superblock, dataset, 1);
  } catch {
    // Broken in some way, which is for the library to find.
    return undefined;
  }
}

/**
 * Reads `[from, from + count)`.
 *
 * @returns `undefined` if a chunk is not there, or not as it was written: the library will say why
 */
export function readDirectly(
  { superblock }: OpenFile,
  layout: DirectLayout,
  from: number,
  count: number,
): SampleArray | undefined {
  const descriptor = openSync(superblock.path, "r");
  try {
    const { size, mtimeMs } = fstatSync(descriptor);
    if (size !== superblock.byteSize || mtimeMs !== superblock.modifiedMs) return undefined;
    const samples = layout.width === 4 ? new Float32Array(count) : new Float64Array(count);
    const bytes = new Uint8Array(samples.buffer);
    const { place, chunkSize, width } = layout;
    if (place.kind === "contiguous") {
      const at = place.position + from * width;
      const within = (from + count) * width <= place.storedSize;
      return within && readSync(descriptor, bytes, 0, bytes.length, at) === bytes.length
        ? samples
        : undefined;
    }
    for (let number = Math.floor(from / chunkSize); number * chunkSize < from + count; number++) {
      const entry = layout.chunks.get(number);
      const chunk = entry === undefined ? undefined : chunkBytes(descriptor, entry, layout);
      if (chunk === undefined) return undefined;
      const first = Math.max(from, number * chunkSize);
      const last = Math.min(from + count, (number + 1) * chunkSize);
      const part = chunk.subarray((first - number * chunkSize) * width, (last - number * chunkSize) * width);
      bytes.set(part, (first - from) * width);
    }
    return samples;
  } finally {
    closeSync(descriptor);
  }
}

/** A whole chunk with its filters undone; `undefined` if it is not what the dataset's form says. */
function chunkBytes(
  descriptor: number,
  { position, storedSize, sound }: ChunkEntry,
  { chunkSize, width, filters }: DirectLayout,
): Uint8Array | undefined {
  const plainSize = chunkSize * width;
  // What does not compress grows by a few bytes in thousands; a size beyond that is a broken one.
  if (!sound || storedSize > plainSize + (plainSize >> 8) + 64) return undefined;
  const stored = Buffer.allocUnsafe(storedSize);
  if (readSync(descriptor, stored, 0, storedSize, position) !== storedSize) return undefined;
  let bytes: Uint8Array | undefined = stored;
  for (const filter of filters.toReversed()) bytes &&= undone(filter, bytes, plainSize, width);
  return bytes?.length === plainSize ? bytes : undefined;
}
