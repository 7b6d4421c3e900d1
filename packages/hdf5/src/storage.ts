import { checkChunks } from "./chunk-index.ts";
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
  const damaged = (why: string, cause?: unknown): Error =>
    hdf5Error(
      "hdf5-damaged",
      `${open.path}: ${path} is damaged: ${why}; download it again`,
      { path: open.path, dataset: path },
      cause,
    );
  if (!isSeries(metadata) || !Number.isSafeInteger(size) || size < 1)
    throw hdf5Error(
      "hdf5-foreign",
      `${open.path}: ${path} is not a series: it must be one-dimensional, float32 or float64, little-endian, and not empty`,
      { path: open.path, dataset: path },
    );
  const chunkSize = metadata.chunks?.[0] ?? 0;
  // Stored in one piece, the samples must lie inside the file.
  if (chunkSize === 0 && size * metadata.size > open.superblock.byteSize)
    throw damaged(
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
  let index: ReturnType<typeof checkChunks>;
  try {
    index = checkChunks(open.superblock, path, metadata, filters.length > 0);
  } catch (error) {
    throw damaged(
      `the way to its samples is broken (${error instanceof Error ? error.message : String(error)})`,
      error,
    );
  }
  if (index === undefined) return { ...facts, bad: [] };
  // A length that is mostly made of nothing is more likely wrong than the index is.
  if (index.stored < size / 2)
    throw damaged(`it says that it has ${size} samples, but chunks for ${index.stored} are in the file`);
  return { ...facts, bad: index.bad };
}
