import type { Block } from "@strainflow/series";
import { createHdf5Writer, type Hdf5WriterOptions } from "./create-hdf5-writer.ts";

/**
 * Writes a whole stream of any quantity (scores, say) to one file of gwpy's layout, which
 * `gwpy.timeseries.TimeSeries.read` opens. Gaps become NaN.
 *
 * @param blocks contiguous; their type decides whether samples are float32 or float64, unless `dtype` does
 * @throws `hdf5-write-failed`, `hdf5-no-data`, `not-contiguous`; after an error nothing is left at `path`
 */
export async function writeSeriesHdf5(
  path: string,
  blocks: Iterable<Block> | AsyncIterable<Block>,
  options: Omit<Hdf5WriterOptions, "layout"> = {},
): Promise<void> {
  const writer = createHdf5Writer<string>(path, { unit: "", ...options, layout: "gwpy" });
  try {
    for await (const block of blocks) await writer.write(block);
  } catch (error) {
    await writer.abort();
    throw error;
  }
  await writer.close();
}
