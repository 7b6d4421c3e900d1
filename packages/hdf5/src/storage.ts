import type { StrainflowError } from "@strainflow/series";
import type { Metadata } from "h5wasm/node";
import { type ChunkIndex, checkChunks } from "./chunk-index.ts";
import { hdf5Error } from "./errors.ts";
import type { ChannelFacts } from "./facts.ts";
import { attempt, datasetAt, isSeries, type OpenFile } from "./open-file.ts";

/**
 * The facts of a dataset that do not depend on the layout, and the checks of how it is stored.
 *
 * @throws `hdf5-missing-dataset`, `hdf5-foreign`, `hdf5-damaged`
 */
export function storageFacts(
  open: OpenFile,
  path: string,
): Pick<ChannelFacts, "dataset" | "size" | "dtype" | "chunkSize" | "filters" | "bad"> {
  const { dataset, metadata } = datasetAt(open, path);
  const size = metadata.shape?.[0] ?? 0;
  if (!isSeries(metadata) || !Number.isSafeInteger(size) || size < 1)
    throw hdf5Error(
      "hdf5-foreign",
      `${open.path}: ${path} is not a series: it must be one-dimensional, float32 or float64, little-endian, and not empty`,
      { path: open.path, dataset: path },
    );
  const chunkSize = metadata.chunks?.[0] ?? 0;
  // Stored in one piece, the samples must lie inside the file.
  if (chunkSize === 0 && size * metadata.size > open.superblock.byteSize)
    throw damagedError(
      open,
      path,
      `it says that it has ${size} samples, more than fit into the file's ${open.superblock.byteSize} bytes`,
    );
  const filters = attempt(open, path, () => dataset.filters.map((filter) => filter.name));
  const facts = {
    dataset: path,
    size,
    dtype: metadata.size === 4 ? "float32" : "float64",
    chunkSize,
    filters,
  } as const;
  const index = chunkIndexOf(open, path, metadata, filters.length > 0);
  if (index === undefined) return { ...facts, bad: [] };
  // A length that is mostly made of nothing is more likely wrong than the index is.
  if (index.stored < size / 2)
    throw damagedError(
      open,
      path,
      `it says that it has ${size} samples, but chunks for ${index.stored} are in the file`,
    );
  return { ...facts, bad: index.bad };
}

/**
 * What the file's own index says of a dataset's chunks; `undefined` where HDF5 itself checks it.
 *
 * @throws `hdf5-damaged`
 */
export function chunkIndexOf(
  open: OpenFile,
  path: string,
  metadata: Metadata,
  filtered: boolean,
): ChunkIndex | undefined {
  try {
    return checkChunks(open.superblock, path, metadata, filtered);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw damagedError(open, path, `the way to its samples is broken (${reason})`, error);
  }
}

/** A dataset of which nothing can be used. */
export function damagedError(open: OpenFile, path: string, why: string, cause?: unknown): StrainflowError {
  const message = `${open.path}: ${path} is damaged: ${why}; download it again`;
  return hdf5Error("hdf5-damaged", message, { path: open.path, dataset: path }, cause);
}
