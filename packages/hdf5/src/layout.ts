import { basename } from "node:path";
import { secondsToIndex } from "@strainflow/series";
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
      `${path}: no strain in it; a file has strain/Strain (GWOSC), or one-dimensional float datasets with x0 and dx (gwpy, aframe)`,
      { path },
    );
  const bare = channels.every(({ dataset }) => /^[A-Z]\d$/.test(dataset));
  return { path, layout: bare ? "aframe" : "gwpy", byteSize, modifiedMs, channels };
}

/** The whole rate in Hz behind a spacing in seconds. @throws `hdf5-foreign` */
export function rateOf(open: OpenFile, dataset: string, spacing: number): number {
  const rate = Math.round(1 / spacing);
  if (!(rate >= 1 && rate <= 1_048_576) || Math.abs(rate * spacing - 1) > 1e-9)
    throw hdf5Error(
      "hdf5-foreign",
      `${open.path}: ${dataset} has a sample every ${spacing} s; the rate must be a whole number of Hz from 1 to 1048576`,
      { path: open.path, dataset, spacing },
    );
  return rate;
}

/** The sample index of a start in GPS seconds, as files give it. @throws `misaligned`, `hdf5-damaged` */
export function startOf(open: OpenFile, dataset: string, seconds: number, sampleRate: number): number {
  const start =
    Number.isFinite(seconds) && Math.abs(seconds) < 1e11 ? secondsToIndex(seconds, sampleRate) : Number.NaN;
  if (!Number.isSafeInteger(start))
    throw hdf5Error("hdf5-damaged", `${open.path}: ${dataset} begins at GPS ${seconds}, which cannot be`, {
      path: open.path,
      dataset,
    });
  return start;
}

/** The detector in a name: `H1`, `H1:GDS-CALIB_STRAIN`, `H-H1_GWOSC_4KHZ_R1-…`. */
export function ifoIn(name: string): string | undefined {
  return /^(?:[A-Z]-)?([A-Z]\d)(?=$|[:_\-.])/.exec(basename(name))?.[1];
}
