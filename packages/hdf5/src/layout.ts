import { hdf5Error } from "./errors.ts";
import type { FileFacts } from "./facts.ts";
import { describeGwosc, isGwosc } from "./layout-gwosc.ts";
import { describeSeries } from "./layout-series.ts";
import type { OpenFile } from "./open-file.ts";

/**
 * Recognises a file by what is in it.
 *
 * @throws `hdf5-foreign` if none of the layouts fits
 */
export function describeFile(open: OpenFile): FileFacts {
  const { path } = open;
  const { byteSize, modifiedMs } = open.superblock;
  if (isGwosc(open)) return { path, layout: "gwosc", byteSize, modifiedMs, channels: [describeGwosc(open)] };
  const channels = describeSeries(open);
  if (channels.length === 0)
    throw hdf5Error(
      "hdf5-foreign",
      `${path}: no strain in it; a file has strain/Strain (GWOSC), or one-dimensional little-endian float datasets with x0 and dx (gwpy, aframe)`,
      { path },
    );
  const bare = channels.every(({ dataset }) => /^[A-Z]\d$/.test(dataset));
  return { path, layout: bare ? "aframe" : "gwpy", byteSize, modifiedMs, channels };
}
